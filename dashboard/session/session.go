// Package session is the part of the API that is about sessions: one run of an
// agent, on every protocol. It groups what was recorded and can end one that goes
// on; what the agent may do stays as it is.
package session

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/sight"
)

// reach is how many of the newest actions the list is made of.
const reach = 5000

// A Log has the records.
type Log interface {
	Query(ctx context.Context, q audit.Query) ([]audit.Record, error)
}

// A Line is what agents' connections go through.
type Line interface {
	// Sessions gives those that agents are in now, with the id of the agent.
	Sessions() map[string]string
	// EndSession closes the connections of one; it fails if nobody is in it.
	EndSession(id string) (connections int, err error)
}

// Sessions answers operators about sessions.
type Sessions struct {
	Log      Log
	Line     Line
	Audience *Audience // nil: nobody is known to look
}

// A Session is one run of an agent.
type Session struct {
	ID       string    `json:"id"`
	Agent    string    `json:"agent"`
	From     time.Time `json:"from"` // its first action, of those that were looked at
	To       time.Time `json:"to"`
	Actions  int       `json:"actions"`
	Denied   int       `json:"denied,omitempty"`
	Asked    int       `json:"asked,omitempty"` // that had people asked, whatever became of them
	Failed   int       `json:"failed,omitempty"`
	Services []string  `json:"services,omitempty"`
	Live     bool      `json:"live"`               // it goes on: the agent's next action is one of it
	Watchers []string  `json:"watchers,omitempty"` // who else has it open
}

// An Ended session is over.
type Ended struct {
	Connections int `json:"connections"` // that were closed
}

// Routes are the rows of the API's table.
func (s Sessions) Routes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/sessions", Right: route.Viewer, Do: route.Out(s.list),
			Doc: "The sessions of the newest actions, newest first.", Query: []string{"q the query that their actions meet, in the language of the log command", sight.Of}, WatchedWith: sight.Param,
		},
		{
			Method: "POST", Pattern: "/api/v1/sessions/{id}/end", Right: route.Editor, Do: route.Out(s.end),
			Doc: "Ends a session that goes on: the agent's connections are closed, and what it does next is of another one.",
		},
	}
}

func (s Sessions) list(r *http.Request) ([]*Session, error) {
	q, err := sight.Query(r)
	if err != nil {
		return nil, err
	}
	if q.Limit == 0 {
		q.Limit = reach
	}
	records, err := s.Log.Query(r.Context(), q)
	if err != nil {
		return nil, fmt.Errorf("sessions: %w", err)
	}
	list := group(records, s.Line.Sessions())
	for _, one := range list {
		one.Watchers = s.Audience.Of(one.ID, route.Name(r))
	}
	return list, nil
}

// group makes sessions of records, which come newest first.
func group(records []audit.Record, live map[string]string) []*Session {
	list, found := []*Session{}, map[string]*Session{}
	for i := range records {
		r := &records[i]
		if r.Session == "" {
			continue
		}
		s := found[r.Session]
		if s == nil {
			_, goesOn := live[r.Session]
			s = &Session{ID: r.Session, Agent: r.Agent.Name, To: r.Time, Live: goesOn}
			found[r.Session] = s
			list = append(list, s)
		}
		s.From = r.Time
		s.Actions++
		if len(r.Asks) > 0 || r.Verdict == "ask" {
			s.Asked++
		}
		switch {
		case r.Verdict == "deny":
			s.Denied++
		case r.Outcome == "failed":
			s.Failed++
		}
		if r.Service != "" && !slices.Contains(s.Services, r.Service) {
			s.Services = append(s.Services, r.Service)
		}
	}
	return list
}

func (s Sessions) end(r *http.Request) (Ended, error) {
	n, err := s.Line.EndSession(r.PathValue("id"))
	if err != nil {
		return Ended{}, route.Conflict("session %s: %w", r.PathValue("id"), err)
	}
	route.Note(r, "connections", strconv.Itoa(n))
	return Ended{n}, nil
}
