package dashboard

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/route"
)

// heartbeat keeps an event stream alive through whatever stands between.
const heartbeat = 15 * time.Second

func (a *API) actions(r *http.Request) ([]audit.Record, error) {
	q, err := audit.ParseQuery(r.URL.Query().Get("q"))
	if err != nil {
		return nil, route.BadRequest("query: %w", err)
	}
	got, err := a.Log.Query(r.Context(), q)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if got == nil {
		got = []audit.Record{}
	}
	return got, nil
}

func (a *API) action(r *http.Request) (audit.Record, error) {
	id := r.PathValue("id")
	got, err := a.Log.Query(r.Context(), audit.Query{Terms: []audit.Term{{Field: "id", Values: []string{id}}}, Limit: 1})
	if err != nil {
		return audit.Record{}, fmt.Errorf("look up action %s: %w", id, err)
	}
	if len(got) == 0 {
		return audit.Record{}, route.NotFound("no action has the id %s", id)
	}
	return got[0], nil
}

// events streams new records as server-sent events until the client hangs up;
// with=approvals tells, too, how many asks wait, now and whenever the desk changes.
func (a *API) events(w http.ResponseWriter, r *http.Request) error {
	q, err := audit.ParseQuery(r.URL.Query().Get("q"))
	if err != nil {
		return route.BadRequest("query: %w", err)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	rc := http.NewResponseController(w)
	records := a.Log.Follow(r.Context(), q)
	asRows, asks := r.URL.Query().Get("view") == "row", r.URL.Query().Get("with") == "approvals"
	var desk <-chan struct{}
	if asks {
		desk = a.Desk.Changed()
		fmt.Fprintf(w, "event: approvals\ndata: {\"pending\":%d}\n\n", len(a.Desk.List()))
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	fmt.Fprint(w, ": following\n\n")
	for rc.Flush() == nil {
		select {
		case e, ok := <-records:
			if !ok {
				return nil
			}
			if err := writeEvent(w, e, asRows); err != nil {
				a.Logger.Error("a record could not be sent", "id", e.Record.ID, "err", err)
				return nil
			}
		case <-desk:
			desk = a.Desk.Changed()
			fmt.Fprintf(w, "event: approvals\ndata: {\"pending\":%d}\n\n", len(a.Desk.List()))
		case <-beat.C:
			fmt.Fprint(w, ": beat\n\n")
		case <-r.Context().Done():
			return nil
		}
	}
	return nil
}

// writeEvent sends a record; before it, how many a slow reader missed.
func writeEvent(w io.Writer, e audit.Event, asRow bool) error {
	if e.Lost > 0 {
		if _, err := fmt.Fprintf(w, "event: lost\ndata: {\"lost\":%d}\n\n", e.Lost); err != nil {
			return err
		}
	}
	var v any = e.Record
	if asRow {
		v = rowOf(&e.Record)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "id: %d\ndata: %s\n\n", e.Record.Seq, b)
	return err
}
