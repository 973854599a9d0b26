package ask

import (
	"net/http"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/argument"
	"sallyport.dev/sallyport/protocols/http/call"
	"sallyport.dev/sallyport/protocols/http/content"
	"sallyport.dev/sallyport/protocols/http/normal"
	"sallyport.dev/sallyport/protocols/http/page"
)

// Request is the facts of one request, after everything was taken out that is not
// sent. It never holds the value of a field that authorizes.
type Request struct {
	Method       string  `json:"method"`
	Host         string  `json:"host,omitempty"`
	Path         string  `json:"path"`
	Query        []Field `json:"query,omitempty"`
	QueryUnclear bool    `json:"query_unclear,omitempty"` // readers could differ
	Headers      []Field `json:"headers,omitempty"`

	HeadersUnclear bool `json:"headers_unclear,omitempty"` // more stand than are listed

	ContentType string `json:"content_type,omitempty"`
	Size        int64  `json:"size"` // of the body; -1: not stated
	WebSocket   bool   `json:"websocket,omitempty"`

	Git    *call.Git     `json:"git,omitempty"`  // where an operation says so
	Call   *call.Call    `json:"call,omitempty"` // what the body asks, where an operation says how to read it
	Body   *content.Body `json:"-"`              // once it was read; it is not recorded
	Kept   *content.Kept `json:"body,omitempty"` // what is recorded of it; no fact looks here
	Unread bool          `json:"-"`              // the body is still to come, and may be learned
}

// BodyFacts are those for which the body must be held.
const BodyFacts action.Need = 1 << 0

// A Field is one header field or query parameter with its values, in order.
type Field struct {
	Name   string   `json:"name"`
	Values []string `json:"values,omitempty"`
	Hidden bool     `json:"hidden,omitempty"` // there, but its value is no fact

	live []string // what is judged, where Values are without the secrets of a command
}

// Table is what the rules may ask about a request.
func Table() action.FactTable {
	return action.FactTable{
		Protocol: "http",
		New:      func() action.Facts { return new(Request) },
		Facts: append([]action.FactSpec{
			action.Str("http.method", "The method, as it is sent.", 0, func(r *Request) (string, action.State) {
				return r.Method, action.Known
			}),
			action.Str("http.host", "The name or address that was asked for, in small letters, without the port.", 0, func(r *Request) (string, action.State) {
				return known(r.Host)
			}),
			action.Str("http.path", "The normalised path without the query, as it is sent.", 0, func(r *Request) (string, action.State) {
				return r.Path, action.Known
			}),
			action.Key("http.query", "The value of a query parameter; unknown if it stands twice.", 0, func(r *Request, name string) (string, action.State) {
				v, s := r.parameter(name)
				return one(v, s)
			}),
			action.KeyList("http.query_all", "Every value of a query parameter.", 0, (*Request).parameter),
			action.Key("http.headers", "The value of a header field, named in small letters; unknown if it stands twice or authorizes.", 0, func(r *Request, name string) (string, action.State) {
				v, s := r.header(name)
				return one(v, s)
			}),
			action.KeyList("http.headers_all", "Every value of a header field.", 0, (*Request).header),
			action.Str("http.content_type", "The media type of the body, in small letters, without parameters.", 0, func(r *Request) (string, action.State) {
				return known(r.ContentType)
			}),
			action.Num("http.size", "Bytes of the body, as stated; unknown if it is sent in chunks.", 0, func(r *Request) (float64, action.State) {
				if r.Size < 0 {
					return 0, action.Unknown
				}
				return float64(r.Size), action.Known
			}),
			action.OfBody(action.Str("http.body", "The body as text, decompressed; unknown if it is larger than limits.body_inspect.", BodyFacts, func(r *Request) (string, action.State) {
				if b, s := r.body(); b == nil {
					return "", s
				}
				return r.Body.Text()
			})),
			action.OfBody(action.Document("http.json", "The JSON of the body, with its fields inside: http.json.amount.", BodyFacts, func(r *Request) (*action.Node, action.State) {
				if b, s := r.body(); b == nil {
					return nil, s
				}
				return r.Body.JSON()
			})),
			action.OfBody(action.Key("http.form", "The value of a field of a form; unknown if it stands twice.", BodyFacts, func(r *Request, name string) (string, action.State) {
				return one(r.formField(name))
			})),
			action.OfBody(action.KeyList("http.form_all", "Every value of a field of a form.", BodyFacts, (*Request).formField)),
			action.OfBody(action.Str("http.effective_method", "The method that a service takes which looks for _method in forms and documents, as Rails and Laravel do.", BodyFacts, (*Request).effectiveMethod)),
			action.OfBody(action.Key("http.args", "The one value of that name among query, form and the top of the JSON.", BodyFacts, (*Request).arg)),
		}, callFacts()...),
		Readings: readings(),
	}
}

// body gives the body, or why there is none.
func (r *Request) body() (*content.Body, action.State) {
	switch {
	case r.Body != nil:
		return r.Body, action.Known
	case r.Size == 0:
		return nil, action.Absent
	case r.Unread:
		return nil, action.Pending
	}
	return nil, action.Unknown
}

func (r *Request) formField(name string) ([]string, action.State) {
	if b, s := r.body(); b == nil {
		return nil, s
	}
	return r.Body.Form(name)
}

// arg looks at query and body; a name that stands in both may mean either.
func (r *Request) arg(name string) (string, action.State) {
	query, inQuery := r.parameter(name)
	if inQuery == action.Unknown {
		return "", action.Unknown
	}
	body, inBody := []string(nil), action.Absent
	if b, s := r.body(); b != nil {
		body, inBody = r.Body.Arg(name)
	} else {
		inBody = s
	}
	switch {
	case inBody == action.Absent:
		return one(query, inQuery)
	case inBody != action.Known || inQuery == action.Absent:
		return one(body, inBody)
	}
	return "", action.Unknown
}

// effectiveMethod is the method, unless the body of a POST names another one. What
// stands in the query or the fields is not sent.
func (r *Request) effectiveMethod() (string, action.State) {
	if r.Method != http.MethodPost || !mayOverride(r.ContentType) {
		return r.Method, action.Known
	}
	b, state := r.body()
	switch {
	case state == action.Absent:
		return r.Method, action.Known
	case b == nil:
		return "", state
	}
	method, state := b.Override()
	switch state {
	case action.Absent:
		return r.Method, action.Known
	case action.Known:
		return strings.ToUpper(method), action.Known
	}
	return "", state
}

// mayOverride reports whether services look into a body of that type for parameters.
func mayOverride(mediaType string) bool {
	return mediaType == "" || content.IsJSON(mediaType) || mediaType == "application/x-www-form-urlencoded" || mediaType == "multipart/form-data"
}

func known(s string) (string, action.State) {
	if s == "" {
		return "", action.Absent
	}
	return s, action.Known
}

func one(values []string, s action.State) (string, action.State) {
	if s == action.Known && len(values) != 1 {
		return "", action.Unknown
	}
	if s != action.Known {
		return "", s
	}
	return values[0], s
}

func (r *Request) parameter(name string) ([]string, action.State) {
	if r.QueryUnclear {
		return nil, action.Unknown
	}
	values, state := []string(nil), action.Absent
	for i := range r.Query {
		switch f := &r.Query[i]; {
		case f.Name == name:
			values, state = f.get()
		case normal.Alike(f.Name, name):
			return nil, action.Unknown
		}
	}
	return values, state
}

func (r *Request) header(name string) ([]string, action.State) {
	for i := range r.Headers {
		if strings.EqualFold(r.Headers[i].Name, name) {
			return r.Headers[i].get()
		}
	}
	if r.HeadersUnclear {
		return nil, action.Unknown
	}
	return nil, action.Absent
}

func (f *Field) get() ([]string, action.State) {
	if f.live != nil {
		return f.live, action.Known
	}
	if f.Hidden {
		return nil, action.Unknown
	}
	return f.Values, action.Known
}

// field makes a Field that is safe to record.
func field(name string, values []string, secret bool) Field {
	if secret {
		return Field{Name: name, Hidden: true}
	}
	if kept, hidden := argument.Values(name, values); hidden {
		return Field{Name: name, Values: kept, Hidden: true, live: values}
	}
	return Field{Name: name, Values: values}
}

// fields puts what the record has room for into the facts.
func (r *Request) fields(h http.Header, query string, signs bool) {
	r.Headers = make([]Field, 0, len(h))
	for name, values := range h {
		r.Headers = append(r.Headers, field(name, values, page.Secret(name, signs)))
	}
	params, ok := normal.Query(query)
	r.QueryUnclear = !ok
	if ok && len(params) > 0 {
		r.Query = make([]Field, len(params))
		for i, p := range params {
			r.Query[i] = field(p.Name, p.Values, page.Secret(p.Name, false))
		}
	}
	r.bound()
}

// MediaType cuts the parameters off a Content-Type.
func MediaType(h http.Header) string {
	v := h["Content-Type"]
	if len(v) == 0 {
		return ""
	}
	t, _, _ := strings.Cut(v[0], ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// effects is what a method does where no operation of the service says more.
func effects(r *Request) action.Effects {
	if r.WebSocket {
		return action.EffectUnknown
	}
	switch r.Method {
	case "GET", "HEAD", "OPTIONS":
		return action.EffectRead
	case "POST", "PUT", "PATCH":
		return action.EffectWrite
	case "DELETE":
		return action.EffectDestructive
	}
	return action.EffectUnknown
}
