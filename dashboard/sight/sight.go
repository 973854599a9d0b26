// Package sight says how much of what agents sent in bodies, or bound to statements, a
// caller of the API sees: what an answer leaves out for them, a query of theirs does not look at. It
// reads no record itself.
package sight

import (
	"net/http"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard/route"
)

// Param is the parameter of a route by which somebody asks for bodies.
const Param = "bodies"

// Of says of it what the API's document needs.
const Of = Param + " 1: look in what was sent in bodies, too, and give it where records are whole; it takes a fresh proof of who asks"

// All reports whether bodies are in every answer to who asks: the host owns the
// files that they stand in. Everybody else asks for them by name, with a fresh proof.
func All(r *http.Request) bool {
	c, ok := route.CallerOf(r.Context())
	return ok && c.Person.Via == route.HostVia
}

// Asked reports whether a request asks for bodies by name.
func Asked(r *http.Request) bool { return r.URL.Query().Get(Param) == "1" }

// Query reads the query of a request. It looks in bodies, which is to say that it is
// Whole, only where the answer may have them; a request that asks for that without
// having proved anew who it is from fails.
func Query(r *http.Request) (audit.Query, error) {
	text := r.URL.Query().Get("q")
	q, err := audit.ParseQuery(text)
	if err != nil {
		return q, route.BadRequest("query: %w", err)
	}
	if q.Whole, err = Whole(r); err == nil && Asked(r) {
		route.Note(r, "query", text)
	}
	return q, err
}

// Whole reports whether bodies are for who asks, and by this request. One that asks
// for them without having proved anew who it is from fails.
func Whole(r *http.Request) (bool, error) {
	if !Asked(r) {
		return All(r), nil
	}
	if err := route.Fresh(r); err != nil {
		return false, err
	}
	route.Note(r, Param, "true")
	return true, nil
}

// Ended reports whether somebody who asked for bodies may not have them any more: a
// proof is fresh for a while only.
func Ended(r *http.Request) bool { return Asked(r) && !All(r) && !route.StillFresh(r) }
