package dashboard

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/sight"
)

const (
	// heartbeat keeps an event stream alive through whatever stands between, and is
	// how often its caller is looked at again.
	heartbeat = 15 * time.Second
	// maxResume bounds what a stream that was cut off catches up with; the rest is
	// told as lost.
	maxResume = 2000
)

// A stream is the events of one client.
type stream struct {
	a     *API
	w     io.Writer
	r     *http.Request
	whole bool   // with what was sent in bodies
	rows  bool   // what a list shows, instead of whole records
	asks  bool   // tells how many asks wait, too
	since uint64 // the last record that was sent
}

// events streams new records as server-sent events until the client hangs up or
// may not look any more. With Last-Event-ID it begins with what the client has
// missed; with=approvals tells, too, how many asks wait, now and whenever the desk
// changes.
func (a *API) events(w http.ResponseWriter, r *http.Request) error {
	params := r.URL.Query()
	q, err := sight.Query(r)
	if err != nil {
		return err
	}
	s := &stream{a: a, w: w, r: r, whole: q.Whole, rows: params.Get("view") == "row", asks: params.Get("with") == "approvals"}
	last := r.Header.Get("Last-Event-ID")
	if last != "" {
		if s.since, err = strconv.ParseUint(last, 10, 62); err != nil {
			return route.BadRequest("Last-Event-ID %q is none that the gateway gave", last)
		}
	}
	defer a.Audience.Join(sessionOf(q), route.Name(r))()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	records := a.Log.Follow(r.Context(), q) // before the look back, so that nothing falls between
	fmt.Fprint(w, ": following\n\n")
	if last != "" {
		if err := s.resume(r, q); err != nil {
			if r.Context().Err() == nil {
				a.Logger.Error("a stream does not catch up", "err", err)
			}
			return nil
		}
	}
	s.run(r, records)
	return nil
}

// sessionOf is the one session that a query is about; "" where it is about more.
func sessionOf(q audit.Query) string {
	for _, t := range q.Terms {
		if t.Field == "session" && !t.Not && len(t.Values) == 1 {
			return t.Values[0]
		}
	}
	return ""
}

// resume sends what was kept since the last record that the client has.
func (s *stream) resume(r *http.Request, q audit.Query) error {
	q.Limit, q.After = maxResume, s.since
	got, err := s.a.Log.Query(r.Context(), q)
	if err != nil {
		return err
	}
	if len(got) == maxResume {
		fmt.Fprint(s.w, "event: lost\ndata: {}\n\n")
	}
	for _, rec := range slices.Backward(got) {
		if err := s.record(audit.Event{Record: rec}); err != nil {
			return err
		}
	}
	return nil
}

// run sends what comes until nobody listens.
func (s *stream) run(r *http.Request, records <-chan audit.Event) {
	rc := http.NewResponseController(s.w.(http.ResponseWriter))
	var desk <-chan struct{}
	if s.asks {
		desk = s.pending()
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for rc.Flush() == nil {
		select {
		case e, ok := <-records:
			if !ok {
				return
			}
			if err := s.record(e); err != nil {
				s.a.Logger.Error("a record could not be sent", "id", e.Record.ID, "err", err)
				return
			}
		case <-desk:
			desk = s.pending()
		case <-beat.C:
			if !route.Still(r, route.Viewer) || sight.Ended(r) {
				return
			}
			fmt.Fprint(s.w, ": beat\n\n")
		case <-r.Context().Done():
			return
		}
	}
}

// pending tells how many asks wait, and gives what ends with the next change.
func (s *stream) pending() <-chan struct{} {
	changed := s.a.Desk.Changed()
	fmt.Fprintf(s.w, "event: approvals\ndata: {\"pending\":%d}\n\n", len(s.a.Desk.List()))
	return changed
}

// record sends a record that was not sent before; before it, how many a slow
// reader missed.
func (s *stream) record(e audit.Event) error {
	if e.Lost > 0 {
		if _, err := fmt.Fprintf(s.w, "event: lost\ndata: {\"lost\":%d}\n\n", e.Lost); err != nil {
			return err
		}
	}
	if e.Record.Seq <= s.since {
		return nil
	}
	var v any = e.Record
	if s.rows {
		v = rowOf(&e.Record)
	} else if !s.whole {
		v = e.Record.Bare()
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	s.since = e.Record.Seq
	_, err = fmt.Fprintf(s.w, "id: %d\ndata: %s\n\n", e.Record.Seq, b)
	return err
}
