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

func (a *API) verify(r *http.Request) (audit.Report, error) {
	report, err := a.Log.Verify(r.Context())
	if err != nil {
		return audit.Report{}, fmt.Errorf("verify: %w", err)
	}
	return report, nil
}

// events streams new records as server-sent events until the client hangs up.
func (a *API) events(w http.ResponseWriter, r *http.Request) error {
	q, err := audit.ParseQuery(r.URL.Query().Get("q"))
	if err != nil {
		return route.BadRequest("query: %w", err)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	rc := http.NewResponseController(w)
	records := a.Log.Follow(r.Context(), q)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	fmt.Fprint(w, ": following\n\n")
	for rc.Flush() == nil {
		select {
		case e, ok := <-records:
			if !ok {
				return nil
			}
			if err := writeEvent(w, e); err != nil {
				a.Logger.Error("a record could not be sent", "id", e.Record.ID, "err", err)
				return nil
			}
		case <-beat.C:
			fmt.Fprint(w, ": beat\n\n")
		case <-r.Context().Done():
			return nil
		}
	}
	return nil
}

// writeEvent sends a record; before it, how many a slow reader missed.
func writeEvent(w io.Writer, e audit.Event) error {
	if e.Lost > 0 {
		if _, err := fmt.Fprintf(w, "event: lost\ndata: {\"lost\":%d}\n\n", e.Lost); err != nil {
			return err
		}
	}
	b, err := json.Marshal(e.Record)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "id: %d\ndata: %s\n\n", e.Record.Seq, b)
	return err
}
