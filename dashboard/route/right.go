package route

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"sallyport.dev/sallyport/action"
)

// A Right is what a route asks of its caller.
type Right uint8

// The rights, as the rows of the table name them. The zero Right is a forgotten
// one: nobody has it.
const (
	forgotten Right = iota
	// None lets in whoever reaches the listener, unproven.
	None
	// Known lets in whoever proved who they are, whatever they may do. The handler
	// decides the rest.
	Known
	Viewer
	Approver
	Editor
	Admin
)

func names() []string {
	return []string{"forgotten", "none", "known", "viewer", "approver", "editor", "admin"}
}

func (r Right) String() string {
	if list := names(); int(r) < len(list) {
		return list[r]
	}
	return fmt.Sprintf("right %d", r)
}

// MarshalText gives the name of the right.
func (r Right) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the name of a right that somebody can be given.
func (r *Right) UnmarshalText(b []byte) error {
	i := slices.Index(names(), string(b))
	if i < int(Viewer) {
		return fmt.Errorf("%q is no right; there are viewer, approver, editor and admin", b)
	}
	*r = Right(i)
	return nil
}

// Rights are what one person may do. The zero Rights are none at all.
type Rights uint8

// RightsOf is the set of these rights.
func RightsOf(list ...Right) Rights {
	var s Rights
	for _, r := range list {
		s |= 1 << r
	}
	return s
}

// Has reports whether the rights are enough for r: an admin may do everything,
// and who may change or answer something may look at it. To approve and to edit
// are two duties; neither includes the other.
func (s Rights) Has(r Right) bool {
	switch r {
	case None, Known:
		return true
	case Viewer:
		return s&RightsOf(Viewer, Approver, Editor, Admin) != 0
	case Approver, Editor, Admin:
		return s&RightsOf(r, Admin) != 0
	}
	return false
}

// List gives every right that the set holds or includes.
func (s Rights) List() []Right {
	list := []Right{}
	for r := Viewer; r <= Admin; r++ {
		if s.Has(r) {
			list = append(list, r)
		}
	}
	return list
}

// JSONSchema says what the JSON of rights looks like.
func (Rights) JSONSchema() map[string]any {
	return map[string]any{"type": "array", "items": Viewer.JSONSchema()}
}

// JSONSchema says what the JSON of a right looks like.
func (Right) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "enum": names()[Viewer:]}
}

func (s Rights) String() string {
	var words []string
	for _, r := range s.List() {
		words = append(words, r.String())
	}
	return strings.Join(words, ", ")
}

// MarshalJSON gives the names of the rights.
func (s Rights) MarshalJSON() ([]byte, error) { return json.Marshal(s.List()) }

// UnmarshalJSON reads the names of rights.
func (s *Rights) UnmarshalJSON(b []byte) error {
	var list []Right
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	*s = RightsOf(list...)
	return nil
}

// A Caller is who asks the API for something, as the listener proved it.
type Caller struct {
	Person action.Person `json:"person"`
	Rights Rights        `json:"rights"`
	From   string        `json:"from"` // where from: "admin.sock", or an address with the node that has it
	// Session is the id of the login that the request came with; "" for the host, a
	// token and a node of the tailnet.
	Session string `json:"session,omitempty"`
	// Fresh: they proved who they are once more, a moment ago.
	Fresh bool `json:"fresh"`
	// Shared: an agent may speak from the same address, so that whatever changes
	// something, or shows what was sent in a body, takes a fresh proof of its own.
	Shared bool `json:"shared,omitempty"`
}

// HostVia is the Via of who came by the host's own socket.
const HostVia = "admin.sock"

// Host is the caller at admin.sock: whoever may open it owns the gateway.
func Host(user string) Caller {
	return Caller{
		Person: action.Person{Name: user, Via: HostVia}, Rights: RightsOf(Viewer, Approver, Editor, Admin),
		From: "admin.sock", Fresh: true,
	}
}

type callerKey struct{}

// WithCaller says on whose behalf a connection or a request acts.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf gives who acts; ok is false for somebody unproven.
func CallerOf(ctx context.Context) (c Caller, ok bool) {
	c, ok = ctx.Value(callerKey{}).(Caller)
	return c, ok
}

// Name gives the name of who asks, for the log.
func Name(r *http.Request) string {
	c, _ := CallerOf(r.Context())
	return c.Person.Name
}

type stillKey struct{}

// WithStill adds how a caller is looked at again while a long answer goes out.
func WithStill(ctx context.Context, look func() (Caller, bool)) context.Context {
	return context.WithValue(ctx, stillKey{}, look)
}

// Still reports whether the caller of a request is one that may have r now: their
// login, node and rights may have ended since it began.
func Still(r *http.Request, right Right) bool {
	c, known := again(r)
	return known && c.Rights.Has(right)
}

// StillFresh reports whether what the caller of a request proved is fresh now.
func StillFresh(r *http.Request) bool {
	c, known := again(r)
	return known && c.Fresh
}

// again gives the caller of a request as they are now.
func again(r *http.Request) (Caller, bool) {
	if look, ok := r.Context().Value(stillKey{}).(func() (Caller, bool)); ok {
		return look()
	}
	return CallerOf(r.Context())
}

type spendKey struct{}

// WithSpend adds how the proof of a caller is used up: by one request, whichever is
// the first to call it. spend is called once for a request at most.
func WithSpend(ctx context.Context, spend func() bool) context.Context {
	return context.WithValue(ctx, spendKey{}, sync.OnceValue(spend))
}

// spend uses the proof of the caller up for this request; false means that another one
// has.
func spend(r *http.Request) bool {
	f, ok := r.Context().Value(spendKey{}).(func() bool)
	return !ok || f()
}

// Fresh fails, with a problem that the pages know, unless the caller has proved a
// moment ago once more who they are. Handlers call it where only some requests of
// a route are that grave; a row with StepUp says it for all. What only reads uses up
// the proof of whoever shares an address with an agent; of a change, its row has.
func Fresh(r *http.Request) error {
	c, ok := CallerOf(r.Context())
	if !ok {
		return errUnproven
	}
	if !c.Fresh || c.Shared && safe(r.Method) && !spend(r) {
		return errStale
	}
	return nil
}
