// Package har gives recorded requests as an HTTP Archive (HAR 1.2), for the tools
// that read one. What a record does not have, an archive of it does not make up;
// bodies are in it only for who asks for them and proves who they are.
package har

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/sight"
)

// Who reads an archive reads it whole, so that one is bounded.
const (
	maxEntries = 50_000
	maxBytes   = 256 << 20
	buffer     = 64 << 10
)

// A Log has the records.
type Log interface {
	Export(ctx context.Context, q audit.Query, f func(line []byte) error) error
}

// Archives answers with archives of a Log.
type Archives struct {
	Log     Log
	Version string // of the gateway
	Most    int    // requests in one archive; 0: 50,000
}

// Routes is the row of the API's table. It is watched: an archive is made to be
// carried away.
func (a Archives) Routes() route.Table {
	return route.Table{{
		Method: "GET", Pattern: "/api/v1/actions.har", Right: route.Viewer, Watched: true, Do: route.Raw("application/json", a.serve),
		Doc:   "The recorded HTTP requests that a query finds as an HTTP Archive (HAR 1.2), oldest first and at most 50,000; its limit is not looked at. Bodies take a fresh proof of who asks.",
		Query: []string{"q the query, in the language of the log command", sight.Of},
	}}
}

var errFull = errors.New("the archive is full")

func (a Archives) serve(w http.ResponseWriter, r *http.Request) error {
	q, err := sight.Query(r)
	if err != nil {
		return err
	}
	bodies := sight.Asked(r)
	route.Note(r, "query", r.URL.Query().Get("q"))
	route.Note(r, sight.Param, strconv.FormatBool(bodies))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="sallyport.har"`)
	w.Header().Set("Cache-Control", "no-store")
	out := &writer{out: bufio.NewWriterSize(w, buffer), bodies: bodies, most: cmp.Or(a.Most, maxEntries)}
	if err := out.begin(a.Version); err != nil {
		return nil //nolint:nilerr // whoever asked has gone
	}
	err = a.Log.Export(r.Context(), q, out.line)
	if r.Context().Err() == nil {
		out.end(err)
	}
	return nil
}

// A writer writes one archive.
type writer struct {
	out     *bufio.Writer
	bodies  bool
	most    int
	entries int
	bytes   int
	others  int // records that are no HTTP requests
}

func (w *writer) begin(version string) error {
	head, err := json.Marshal(map[string]string{"name": "sallyport", "version": version})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.out, `{"log":{"version":"1.2","creator":%s,"pages":[],"entries":[`, head)
	return err
}

// line takes one record.
func (w *writer) line(line []byte) error {
	var r record.Record
	if err := json.Unmarshal(line, &r); err != nil {
		return nil //nolint:nilerr // what is damaged is told by audit verify
	}
	e, ok := entryOf(&r, w.bodies)
	if !ok {
		w.others++
		return nil
	}
	if w.entries == w.most || w.bytes > maxBytes {
		return errFull
	}
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("action %s: %w", r.ID, err)
	}
	if w.entries > 0 {
		if err := w.out.WriteByte(','); err != nil {
			return err
		}
	}
	w.entries++
	w.bytes += len(b)
	_, err = w.out.Write(b)
	return err
}

// end closes the archive, whatever it came to: it can be read, and says what is
// missing.
func (w *writer) end(err error) {
	said := fmt.Sprintf("%d actions that are no HTTP requests are left out.", w.others)
	switch {
	case errors.Is(err, errFull):
		said += " There are more requests than one archive takes; ask for a shorter time."
	case err != nil:
		said += " It broke off: " + err.Error()
	}
	comment, err := json.Marshal(said)
	if err != nil {
		return
	}
	fmt.Fprintf(w.out, `],"comment":%s}}`+"\n", comment)
	w.out.Flush() //nolint:errcheck // whoever asked has gone
}
