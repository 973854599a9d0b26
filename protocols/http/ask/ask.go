// Package ask makes an action of an HTTP request: in the one form that is matched
// and sent, for the very host that the connection is for, with its facts and
// without anything that could authorize. Where there is no such form it gives the
// Problem that answers the agent. It reads no body and reaches nothing.
package ask

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/argument"
	"sallyport.dev/sallyport/protocols/http/aws"
	"sallyport.dev/sallyport/protocols/http/normal"
	"sallyport.dev/sallyport/protocols/http/refusal"

	"golang.org/x/net/http/httpguts"
)

const (
	maxFields = 128 // header fields of one request
	maxMethod = 32  // bytes
)

// A Place is what a connection of an agent is for.
type Place struct {
	Peer    *action.Peer
	Service *action.Service
	Name    string // what the agent called it; "" if it dialled an address
	Dst     netip.AddrPort
	Secure  bool // the agent speaks TLS
}

// An Ask is a request in the form that is matched and sent, and its action.
// It outlives its exchange: the account keeps it.
type Ask struct {
	Act      action.Action
	Facts    Request
	HostPort string // as it is sent in the Host field
	Path     string
	Query    string // raw, as it is sent
	Secure   bool
	AWS      *aws.Scope // what is signed in place of the agent; nil: nothing

	part [1]action.Part
}

// Read makes an Ask of r, and brings its header to the form that is sent, in
// place. With a Problem, the Ask holds an action without parts, which no rule
// allows.
func Read(p Place, r *http.Request) (*Ask, *refusal.Problem) {
	a := &Ask{Secure: p.Secure}
	problem := a.read(p, r)
	if problem != nil && problem.Location == "" {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		a.Act = action.Action{Host: p.Name, Kind: "request", Summary: summary(printable(r.Method), printable(r.Host), printable(path), "")}
	}
	a.Act.Peer, a.Act.Service, a.Act.Dst = p.Peer, p.Service, p.Dst
	return a, problem
}

func (a *Ask) read(p Place, r *http.Request) *refusal.Problem {
	if n := FieldCount(r.Header); n > maxFields {
		return &refusal.Problem{
			Status: http.StatusRequestHeaderFieldsTooLarge, Kind: "too-large", Title: "Too many header fields",
			Reason: fmt.Sprintf("The request has %d header fields; %d may stand.", n, maxFields),
		}
	}
	if r.ProtoMajor == 2 && !p.Secure {
		return refusal.Unclear("HTTP/2 is spoken over TLS only")
	}
	if problem := checkMethod(r.Method); problem != nil {
		return problem
	}
	host, port, problem := agree(r.Host, p.Name, p.Dst)
	if problem != nil {
		return problem
	}
	if named := r.Header["Host"]; len(named) > 0 && (len(named) > 1 || named[0] != r.Host) {
		return refusal.Misdirected("The request names two hosts.")
	}
	uri, problem := target(r.RequestURI, r.Host, p.Secure)
	if problem != nil {
		return problem
	}
	a.HostPort = hostPort(host, port, p.Secure)
	problem = a.form(p.Service, received{
		method: r.Method, target: uri, host: host, header: r.Header,
		size: r.ContentLength, http2: r.ProtoMajor == 2, upgrade: webSocket(r),
	})
	if problem == nil && p.Service.Injects && !p.Service.PlainInjection && !p.Secure {
		return refusal.Elsewhere("https://" + a.HostPort + a.Target())
	}
	return problem
}

// A received request is what the agent wrote, not yet brought to its form.
type received struct {
	method  string
	target  string // path and query as they came
	host    string // checked and in its form, without the port
	header  http.Header
	size    int64
	http2   bool
	upgrade bool // a WebSocket handshake
}

// form applies the policies of method, path, query and fields.
func (a *Ask) form(svc *action.Service, q received) *refusal.Problem {
	if p := checkMethod(q.method); p != nil {
		return p
	}
	rawPath, query, _ := strings.Cut(q.target, "?")
	path, err := normal.Path(rawPath, svc.EncodedPaths)
	if err == nil {
		err = normal.CheckQuery(query)
	}
	if err == nil {
		err = normal.Request(q.header, q.http2)
	}
	if err != nil {
		return refusal.Unclear(err.Error())
	}
	if p := tooLong(path, q.header); p != nil {
		return p
	}
	if svc.Signs {
		if a.AWS, err = aws.Read(q.header, query); err != nil {
			return refusal.Unclear(err.Error())
		}
	}
	a.Path = path
	a.Query = normal.StripQuery(query, func(name string) bool {
		return normal.OverrideParam(name) || svc.Injects && normal.CredentialParam(name)
	})
	if svc.Injects {
		for name := range q.header {
			if normal.CredentialField(name) && !(svc.Signs && aws.Speaks(name)) {
				delete(q.header, name)
			}
		}
	}
	a.Facts = Request{
		Method: q.method, Host: q.host, Path: path,
		ContentType: MediaType(q.header),
		Size:        q.size, WebSocket: q.upgrade, Unread: q.size != 0,
	}
	a.Facts.fields(q.header, a.Query, svc.Signs)
	a.part[0] = action.Part{Facts: &a.Facts, Effects: effects(&a.Facts)}
	a.Act = action.Action{
		Service: svc, Host: q.host, Kind: "request",
		Summary: summary(q.method, q.host, path, a.Query), Parts: a.part[:],
	}
	a.Facts.understandURL(svc.Readings)
	return nil
}

// Crowded takes the parts from the action, which no rule allows then: the agent
// has too many requests open. It is recorded like every other refusal.
func (a *Ask) Crowded() *refusal.Problem {
	a.Act.Parts = nil
	return refusal.Crowded()
}

// Shape is whose errors the client of the request reads.
func (a *Ask) Shape(h http.Header) refusal.Shape {
	if !slices.Contains(a.Act.Service.Readings, "llm") {
		return refusal.Plain
	}
	return refusal.Of(a.Path, h)
}

// Target is the path and query that are matched and sent.
func (a *Ask) Target() string {
	if a.Query == "" {
		return a.Path
	}
	return a.Path + "?" + a.Query
}

// summary is a request in one line, without what may be a secret.
func summary(method, host, path, query string) string {
	mark := ""
	if query != "" {
		mark, query = "?", argument.Query(query)
	}
	s := method + " " + host + path + mark + query
	const ellipsis = "…"
	if len(s) > action.MaxSummary {
		s = s[:action.MaxSummary-len(ellipsis)] + ellipsis
	}
	return s
}

// printable leaves of foreign text what a line for people may hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// FieldCount counts the lines of a header.
func FieldCount(h http.Header) int {
	n := 0
	for _, values := range h {
		n += len(values)
	}
	return n
}

// checkMethod refuses what would make the gateway something else than a way to
// an origin, and what would not stay one word on the wire.
func checkMethod(m string) *refusal.Problem {
	switch m {
	case "CONNECT", "TRACE", "TRACK":
		return &refusal.Problem{
			Status: http.StatusMethodNotAllowed, Kind: "method-refused", Title: "Method refused",
			Reason: "The gateway does not pass " + m + ".", Next: "Use another method.",
		}
	case "PRI":
		return refusal.Unclear("this is not a request")
	}
	if !httpguts.ValidHeaderFieldName(m) || len(m) > maxMethod {
		return refusal.Unclear("the method is not a word")
	}
	return nil
}

// target takes the authority off the absolute form; it must be the host that the
// request names anyway.
func target(uri, host string, secure bool) (string, *refusal.Problem) {
	if strings.HasPrefix(uri, "/") {
		return uri, nil
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return "", refusal.Unclear(normal.ErrForm.Error())
	}
	want := "http"
	if secure {
		want = "https"
	}
	authority, path := rest, "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if strings.HasPrefix(path, "?") {
		path = "/" + path
	}
	if !strings.EqualFold(scheme, want) || !strings.EqualFold(authority, host) {
		return "", refusal.Misdirected("The request line names another place than the connection.")
	}
	return path, nil
}

// agree checks that a Host field names what the connection is for: the name the
// agent used, or, where it used none, the very address it dialled.
func agree(host, name string, dst netip.AddrPort) (string, uint16, *refusal.Problem) {
	got, port, err := normal.Authority(host)
	if err != nil {
		return "", 0, refusal.Unclear(err.Error())
	}
	if port != 0 && port != dst.Port() {
		return "", 0, refusal.Misdirected("The request is for another port than the connection.")
	}
	if name != "" && got == name {
		return got, port, nil
	}
	if name == "" {
		if addr, err := netip.ParseAddr(got); err == nil && addr.Unmap() == dst.Addr().Unmap() {
			return got, port, nil
		}
	}
	return "", 0, refusal.Misdirected("The request is for another host than the connection.")
}

// hostPort is the Host field that is sent; a port that goes without saying is
// not said.
func hostPort(name string, port uint16, secure bool) string {
	if strings.IndexByte(name, ':') >= 0 {
		name = "[" + name + "]"
	}
	if port == 0 || secure && port == 443 || !secure && port == 80 {
		return name
	}
	return name + ":" + strconv.Itoa(int(port))
}

// webSocket reports whether a request asks for a WebSocket; every other upgrade
// is dropped with the fields of the connection.
func webSocket(r *http.Request) bool {
	return r.ProtoMajor == 1 && r.Method == http.MethodGet && r.ContentLength == 0 &&
		Token(r.Header["Connection"], "upgrade") && len(r.Header["Upgrade"]) == 1 &&
		strings.EqualFold(r.Header["Upgrade"][0], "websocket")
}

// Token reports whether one of the comma-separated words of a field is want.
func Token(values []string, want string) bool {
	return slices.ContainsFunc(values, func(v string) bool {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), want) {
				return true
			}
		}
		return false
	})
}
