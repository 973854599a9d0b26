package ask

import (
	"net/http"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/call"
	"sallyport.dev/sallyport/protocols/http/content"
)

// Reopen makes what was not recorded of the body pending, so that a decision that
// depends on it is told from one that does not. What the request line asks is read
// again: other rules may look for more in it.
func (r *Request) Reopen(svc *action.Service) {
	r.Unread = r.Size != 0 && (r.Body == nil || r.Body.Masked())
	if r.Body != nil && !r.Unread {
		r.Call = r.askedBy(svc.Readings, r.Body) // another policy may have recalled it
	}
	r.understandURL(call.Kinds())
}

// Recall reads the body from what was kept of it, in the ways that the service
// declares now, and reports whether there was anything to read. Where values were
// taken out, what the body asks stays as it was recorded.
func (r *Request) Recall(svc *action.Service) bool {
	if r.Kept == nil || r.Body != nil || r.Kept.Hidden && r.Kept.Text == "" { // the last is a body that is withheld from who asks
		return false
	}
	typ, s := r.header("Content-Type")
	encoding, t := r.header("Content-Encoding")
	if s == action.Unknown || t == action.Unknown {
		return false
	}
	r.Body = r.Kept.Body(typ, encoding)
	if r.Unread = r.Body.Masked(); !r.Unread {
		r.Call = r.askedBy(svc.Readings, r.Body)
	}
	return true
}

// askedBy reads what a body asks in the ways that kinds name; nil is one that
// cannot be read.
func (r *Request) askedBy(kinds []string, b *content.Body) *call.Call {
	var doc *action.Node
	if b != nil {
		doc, _ = b.JSON()
	}
	c := call.Of(kinds, r.Path, doc)
	if _, _, s := r.graphqlURL(); s != action.Absent && c.GraphQL != nil {
		c.GraphQL = &call.GraphQL{Unclear: true} // servers differ in which of the two they take
	}
	return c
}

// Keep puts into the record what may stand there of the whole body.
func (a *Ask) Keep(h http.Header, body []byte) {
	if most := a.Act.Service.RecordBodies; most > 0 && !a.Facts.WebSocket {
		a.Facts.Kept = content.Keep(h["Content-Type"], h["Content-Encoding"], body, int(most))
	}
}

// Shorter gives the facts without the body, for which a record may have no room
// beside them; nil if there is none.
func (r *Request) Shorter() action.Facts {
	if r.Kept == nil {
		return nil
	}
	less := *r
	less.Kept = nil
	return &less
}
