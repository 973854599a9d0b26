package route

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
)

// A Deed is something that an operator did, or tried to do.
type Deed struct {
	Caller Caller
	What   string            // method and pattern: "PUT /api/v1/secrets/{name}"
	On     map[string]string // what the pattern's names stood for
	Notes  map[string]string // what the handler had to add; never a secret
	Status int               // of the answer
	Err    string            // why not
}

// A Witness keeps deeds. Ready fails while it could not keep one: nothing is
// changed then.
type Witness interface {
	Ready(context.Context) error
	Keep(context.Context, Deed) error
}

type notesKey struct{}

// Note adds to what the operators' audit keeps of this request. It keeps nothing
// outside of one that is watched, and no empty text.
func Note(r *http.Request, name, text string) {
	if notes, ok := r.Context().Value(notesKey{}).(map[string]string); ok && text != "" {
		notes[name] = text
	}
}

// witnessed carries out a request that the witness hears of. It is kept before
// the answer goes out.
func (rt Route) witnessed(w http.ResponseWriter, r *http.Request, log *slog.Logger, witness Witness, err error) {
	caller, proven := CallerOf(r.Context())
	if !proven { // whoever can reach the listener could fill the audit
		Fail(w, r, log, err)
		return
	}
	if ready := witness.Ready(r.Context()); err == nil && ready != nil {
		Fail(w, r, log, Fault{Status: http.StatusServiceUnavailable, Err: ready})
		return
	}
	d := Deed{Caller: caller, What: rt.Method + " " + rt.Pattern, On: values(r, rt.Pattern), Notes: make(map[string]string)}
	r = r.WithContext(context.WithValue(r.Context(), notesKey{}, d.Notes))
	held := &late{ResponseWriter: w, keep: func(status int) error {
		d.Status, d.Notes = status, maps.Clone(d.Notes)
		return witness.Keep(context.WithoutCancel(r.Context()), d)
	}}
	if err == nil {
		err = rt.Do.serve(held, r)
	}
	if err != nil {
		d.Err = err.Error()
		Fail(held, r, log, err)
	}
	if held.status == 0 {
		held.WriteHeader(http.StatusOK)
	}
	if held.failed != nil {
		Fail(w, r, log, held.failed)
	}
}

// placeholder is a name in a pattern of http.ServeMux.
var placeholder = regexp.MustCompile(`\{(\w+)(?:\.\.\.)?\}`)

// values gives what the names of a pattern stand for in a request.
func values(r *http.Request, pattern string) map[string]string {
	on := make(map[string]string)
	for _, m := range placeholder.FindAllStringSubmatch(pattern, -1) {
		on[m[1]] = r.PathValue(m[1])
	}
	return on
}

var errUnkept = errors.New("it was done, but the operators' audit could not keep it")

// late keeps the deed before the first byte of the answer goes out; if that fails,
// it swallows the answer.
type late struct {
	http.ResponseWriter
	keep   func(status int) error
	status int
	failed error
}

func (l *late) WriteHeader(status int) {
	if l.status != 0 {
		return
	}
	l.status = status
	if err := l.keep(status); err != nil {
		l.failed = errors.Join(errUnkept, err)
		return
	}
	l.ResponseWriter.WriteHeader(status)
}

func (l *late) Write(b []byte) (int, error) {
	l.WriteHeader(cmp.Or(l.status, http.StatusOK))
	if l.failed != nil {
		return len(b), nil
	}
	return l.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (l *late) Unwrap() http.ResponseWriter { return l.ResponseWriter }
