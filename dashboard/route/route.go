// Package route says what a route of the API is: a row of one table, with who may
// take it, what goes in and comes out, and how a refusal looks. It holds every
// request against its row before the handler sees it; who the caller is, the
// listener has proven.
package route

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
)

// A Route is one row of the table.
type Route struct {
	Method, Pattern string   // as http.ServeMux reads them
	Right           Right    // what the caller must have
	StepUp          bool     // and must have proved anew a moment ago who they are
	Quiet           bool     // changes nothing although it is no GET, and stays out of the operators' audit
	Proves          bool     // is itself how somebody proves who they are, or logs out
	Watched         bool     // goes into the operators' audit though it changes nothing
	WatchedWith     string   // and so does a request that has this parameter, whatever it says
	Doc             string   // one sentence for the API's document
	Query           []string // parameters it reads: a name, and after a space what it is
	Do              Endpoint
}

// An Endpoint is what a route does. Out, Take, May and Raw make one.
type Endpoint struct {
	In, Out  reflect.Type // nil: no body
	Optional bool         // the body may be missing
	Paged    bool         // the answer is one page of a list
	Media    string       // of the answer
	serve    func(http.ResponseWriter, *http.Request) error
}

// Nothing is the answer of a route that has nothing to say.
type Nothing struct{}

// Out answers with what f gives, as JSON. If that has an ETag() string, the answer
// carries it.
func Out[O any](f func(*http.Request) (O, error)) Endpoint {
	return Endpoint{Out: reflect.TypeFor[O](), Media: "application/json", serve: func(w http.ResponseWriter, r *http.Request) error {
		v, err := f(r)
		if err != nil {
			return err
		}
		return answer(w, r, v)
	}}
}

// Take reads a JSON body strictly, and answers with what f makes of it.
func Take[I, O any](f func(*http.Request, I) (O, error)) Endpoint {
	e := Out(func(r *http.Request) (O, error) {
		var in I
		if err := decode(r, &in); err != nil {
			var none O
			return none, err
		}
		return f(r, in)
	})
	e.In = reflect.TypeFor[I]()
	return e
}

// Full is Take for a handler that also writes to the head of the answer.
func Full[I, O any](f func(http.ResponseWriter, *http.Request, I) (O, error)) Endpoint {
	return Endpoint{In: reflect.TypeFor[I](), Out: reflect.TypeFor[O](), Media: "application/json", serve: func(w http.ResponseWriter, r *http.Request) error {
		var in I
		if err := decode(r, &in); err != nil {
			return err
		}
		v, err := f(w, r, in)
		if err != nil {
			return err
		}
		return answer(w, r, v)
	}}
}

// May is Take for a body that may be missing: f then gets the zero value.
func May[I, O any](f func(*http.Request, I) (O, error)) Endpoint {
	with, without := Take(f), Out(func(r *http.Request) (O, error) {
		var none I
		return f(r, none)
	})
	with.Optional = true
	read := with.serve
	with.serve = func(w http.ResponseWriter, r *http.Request) error {
		if r.ContentLength == 0 {
			return without.serve(w, r)
		}
		return read(w, r)
	}
	return with
}

// Raw lets f write an answer of another kind. An error it returns must come before
// the first byte.
func Raw(media string, f func(http.ResponseWriter, *http.Request) error) Endpoint {
	return Endpoint{Media: media, serve: f}
}

// Into is Raw for a route that reads a JSON body strictly.
func Into[I any](media string, f func(http.ResponseWriter, *http.Request, I) error) Endpoint {
	return Endpoint{In: reflect.TypeFor[I](), Media: media, serve: func(w http.ResponseWriter, r *http.Request) error {
		var in I
		if err := decode(r, &in); err != nil {
			return err
		}
		w.Header().Set("Content-Type", media)
		return f(w, r, in)
	}}
}

// Plain is Raw for a handler that answers everything itself.
func Plain(media string, h http.Handler) Endpoint {
	return Raw(media, func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	})
}

// answer writes v as JSON, or nothing to somebody who has it already.
func answer(w http.ResponseWriter, r *http.Request, v any) error {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if t, ok := v.(interface{ ETag() string }); ok {
		tag := `"` + t.ETag() + `"`
		h.Set("ETag", tag)
		h.Set("Cache-Control", "no-cache")
		if r.Method == http.MethodGet && r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	h.Set("Content-Type", "application/json")
	w.Write(append(b, '\n')) //nolint:errcheck // whoever asked has gone
	return nil
}

// A Table is every route of a listener.
type Table []Route

// Handler serves the table. Every request of a caller is held against its row;
// what changes something, and what a row has watched, is told to witness together
// with how it ended. witness may be nil.
func (t Table) Handler(log *slog.Logger, witness Witness) http.Handler {
	mux := http.NewServeMux()
	for _, rt := range t {
		mux.Handle(rt.Method+" "+rt.Pattern, rt.handler(log, witness))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			refuse(mux, log, w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// handler serves one row.
func (rt Route) handler(log *slog.Logger, witness Witness) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		err := rt.admit(r)
		if witness == nil || rt.Right == None || !rt.watched(r) && (rt.Quiet || safe(r.Method)) {
			if err == nil {
				err = rt.Do.serve(w, r)
			}
			if err != nil {
				Fail(w, r, log, err)
			}
			return
		}
		rt.witnessed(w, r, log, witness, err)
	})
}

func (rt Route) watched(r *http.Request) bool {
	return rt.Watched || rt.WatchedWith != "" && r.URL.Query().Has(rt.WatchedWith)
}

// admit holds a request against its row.
func (rt Route) admit(r *http.Request) error {
	if rt.Right == None {
		return nil
	}
	c, ok := CallerOf(r.Context())
	switch {
	case !ok:
		return errUnproven
	case !c.Rights.Has(rt.Right):
		return Forbidden("%s may not do this: it needs the right %q", cmp.Or(c.Person.Name, "you"), rt.Right)
	case (rt.StepUp || rt.spends(c, r)) && !c.Fresh, rt.spends(c, r) && !spend(r):
		return errStale
	}
	return nil
}

// spends reports whether a request takes a proof of its own: whatever changes something
// for whoever shares an address with an agent, and what always takes a fresh one.
func (rt Route) spends(c Caller, r *http.Request) bool {
	return c.Shared && !rt.Proves && (!rt.Quiet || rt.watched(r)) && (rt.StepUp || !safe(r.Method))
}

// safe reports whether a method changes nothing (RFC 9110, section 9.2.1).
func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// refuse answers what no row of the table is for, in the form of every refusal.
func refuse(mux *http.ServeMux, log *slog.Logger, w http.ResponseWriter, r *http.Request) {
	said := &muted{header: http.Header{}}
	mux.ServeHTTP(said, r)
	for _, name := range []string{"Allow", "Location"} {
		if v := said.header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	status := cmp.Or(said.status, http.StatusNotFound)
	Fail(w, r, log, Fault{Status: status, Err: fmt.Errorf("%s %s: %s", r.Method, r.URL.Path, strings.ToLower(http.StatusText(status)))})
}

// A muted writer keeps the head of an answer and drops the rest.
type muted struct {
	header http.Header
	status int
}

func (m *muted) Header() http.Header         { return m.header }
func (m *muted) Write(b []byte) (int, error) { return len(b), nil }
func (m *muted) WriteHeader(status int)      { m.status = cmp.Or(m.status, status) }
