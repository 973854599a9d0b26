package gateway

import (
	"errors"
	"time"
)

// ErrNoSession means that no agent is in a session of that id now.
var ErrNoSession = errors.New("no agent is in that session now")

var errSessionEnded = errors.New("an operator ended the session")

// EndSession ends a session: every connection that its agent has open is told
// goodbye and closed, and what the agent does next belongs to another one. It gives
// how many there were, and waits for none of them.
func (g *Gateway) EndSession(id string) (connections int, err error) {
	peer, ok := g.sessions.end(id, g.Now())
	if !ok {
		return 0, ErrNoSession
	}
	for _, f := range g.flows.list() {
		if f.peer.Load().ID == peer {
			f.end(errSessionEnded)
			connections++
		}
	}
	return connections, nil
}

// Sessions gives the sessions that agents are in now, with the id of the agent.
func (g *Gateway) Sessions() map[string]string {
	g.sessions.mu.Lock()
	defer g.sessions.mu.Unlock()
	now, live := g.Now(), map[string]string{}
	for peer, s := range g.sessions.byPeer {
		if s.id != "" && now.Sub(s.last) <= sessionIdle {
			live[s.id] = peer
		}
	}
	return live
}

// end forgets a session that goes on, and gives whose it is. What its agent may
// still cost is not forgotten with it.
func (s *sessions) end(id string, now time.Time) (peer string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for peer, got := range s.byPeer {
		if got.id == id && now.Sub(got.last) <= sessionIdle {
			got.id = ""
			return peer, true
		}
	}
	return "", false
}
