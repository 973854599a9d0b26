package holding_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/holding"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/internal/lab"
)

const configuration = `
gateway {
  wireguard {
    listen = ":0"
  }
  record {
    keep = "45d"
  }
}

service "shop" {
  hosts = ["shop.example.com"]
}

role "agents" { use = [service.shop] }

rule "nothing passes" {
  on      = [service.shop]
  verdict = "deny"
}
`

func look(t *testing.T, h http.Handler) (v holding.Holding) {
	t.Helper()
	c := route.Caller{Person: action.Person{Name: "ana@acme.dev"}, Rights: route.RightsOf(route.Viewer)}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(route.WithCaller(t.Context(), c), "GET", "/api/v1/store", nil))
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %v: %s", w.Code, err, w.Body)
	}
	return v
}

// What the API says of the store is what is in its directory.
func TestTheStoreIsTold(t *testing.T) {
	l := lab.New(t, configuration)
	h := l.API.Handler()
	got := look(t, h)
	if got.Keep != int64(45*24*time.Hour/time.Second) || got.Oldest != nil || got.Newest != nil || got.Bytes == 0 || got.Directory != l.Dir {
		t.Errorf("an empty store: %+v", got)
	}
	for range 2 {
		resp, err := l.Agent("laptop" + string(rune('a'+len(l.Roster.List())))).HTTP().Get("https://shop.example.com/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close() //nolint:errcheck // that it was refused is recorded
	}
	records := l.Records("", 2)
	if err := os.WriteFile(filepath.Join(l.Dir, "more"), make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	now := look(t, h)
	if now.Bytes < 5000+now.RecordBytes+now.JournalBytes || now.RecordBytes == 0 {
		t.Errorf("%d bytes, of records %d, of the journal %d", now.Bytes, now.RecordBytes, now.JournalBytes)
	}
	if now.Oldest == nil || now.Oldest.Seq != 1 || now.Newest == nil || now.Newest.Seq < 2 {
		t.Errorf("of %d records: %+v to %+v", len(records), now.Oldest, now.Newest)
	}
}

// A kept is a store with one signed end.
type kept struct {
	dir string
	audit.Head
}

func (k kept) Dir() string { return k.dir }
func (k kept) LoadHeads(context.Context) (map[string]audit.Head, error) {
	return map[string]audit.Head{"latest": k.Head, "dropped 2026-01": {Seq: 3}}, nil
}
func (kept) Scan(context.Context, uint64, func(audit.Row) error) error { return nil }
func (kept) Tail(context.Context) (audit.Tail, error)                  { return audit.Tail{}, nil }

func TestTheSignedEnd(t *testing.T) {
	at := time.Date(2026, 11, 25, 20, 0, 0, 0, time.UTC)
	k := kept{t.TempDir(), audit.Head{Seq: 17, Time: at}}
	page := holding.Page{Store: k, Records: k, Stats: func() audit.Stats { return audit.Stats{Queued: 2, Lost: 1} }}
	got := look(t, page.Routes().Handler(slog.New(slog.DiscardHandler), nil))
	if got.Checkpoint == nil || got.Checkpoint.Seq != 17 || !got.Checkpoint.Time.Equal(at) || got.Waiting != 2 || got.Lost != 1 || got.Oldest != nil {
		t.Errorf("%+v", got)
	}
}
