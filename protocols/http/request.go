package http

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/normal"

	"golang.org/x/net/http/httpguts"
)

// maxFields bounds the header fields of one message.
const maxFields = 128

const maxMethod = 32

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

// An ask is a request in the form that is matched and sent, and its action.
// It outlives its exchange: the account keeps it.
type ask struct {
	act   action.Action
	facts Request
	part  [1]action.Part
	path  string
	query string // raw, as it is sent
}

// newAsk applies the policies of path, query and fields to a request. It changes
// the header in place.
func newAsk(svc *action.Service, q received) (*ask, *problem) {
	rawPath, query, _ := strings.Cut(q.target, "?")
	path, err := normal.Path(rawPath, svc.EncodedPaths)
	if err == nil {
		err = normal.CheckQuery(query)
	}
	if err == nil {
		err = normal.Request(q.header, q.http2)
	}
	if err != nil {
		return nil, badRequest(err.Error())
	}
	query = normal.StripQuery(query, func(name string) bool {
		return normal.OverrideParam(name) || svc.Injects && normal.CredentialParam(name)
	})
	if svc.Injects {
		for name := range q.header {
			if normal.CredentialField(name) {
				delete(q.header, name)
			}
		}
	}
	a := &ask{path: path, query: query}
	a.facts = Request{
		Method: q.method, Host: q.host, Path: path,
		Headers: headerFields(q.header), ContentType: mediaType(q.header),
		Size: q.size, WebSocket: q.upgrade,
	}
	a.facts.Query, a.facts.QueryUnclear = queryFields(query)
	a.part[0] = action.Part{Facts: &a.facts, Effects: effects(&a.facts)}
	a.act = action.Action{
		Service: svc, Host: q.host, Kind: "request",
		Summary: summary(q.method, q.host, path), Parts: a.part[:],
	}
	return a, nil
}

func summary(method, host, path string) string {
	s := method + " " + host + path
	return s[:min(len(s), action.MaxSummary)]
}

// checkMethod refuses what would make the gateway something else than a way to an origin.
func checkMethod(m string) *problem {
	switch m {
	case "CONNECT", "TRACE", "TRACK":
		return &problem{status: 405, kind: "method-refused", title: "Method refused", reason: "The gateway does not pass " + m + "."}
	case "PRI":
		return badRequest("this is not a request")
	}
	if !httpguts.ValidHeaderFieldName(m) || len(m) > maxMethod {
		return badRequest("the method is not a word")
	}
	return nil
}

// target takes the authority off the absolute form; it must be the host that the
// request names anyway.
func target(uri, host string, secure bool) (string, *problem) {
	if strings.HasPrefix(uri, "/") {
		return uri, nil
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return "", badRequest(normal.ErrForm.Error())
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
		return "", misdirected("The request line names another place than the connection.")
	}
	return path, nil
}

// agree checks that a Host field names what the connection is for: the name the
// agent used, or, where it used none, the very address it dialled.
func agree(host, name string, dst netip.AddrPort) (string, uint16, *problem) {
	got, port, err := normal.Authority(host)
	if err != nil {
		return "", 0, badRequest(err.Error())
	}
	if port != 0 && port != dst.Port() {
		return "", 0, misdirected("The request is for another port than the connection.")
	}
	if name != "" && got == name {
		return got, port, nil
	}
	if name == "" {
		if addr, err := netip.ParseAddr(got); err == nil && addr.Unmap() == dst.Addr().Unmap() {
			return got, port, nil
		}
	}
	return "", 0, misdirected("The request is for another host than the connection.")
}

// hostport is the Host field that is sent; a port that goes without saying is
// not said.
func hostport(name string, port uint16, secure bool) string {
	if strings.IndexByte(name, ':') >= 0 {
		name = "[" + name + "]"
	}
	if port == 0 || secure && port == 443 || !secure && port == 80 {
		return name
	}
	return name + ":" + strconv.Itoa(int(port))
}

// websocket reports whether a request asks for a WebSocket; every other upgrade
// is dropped with the fields of the connection.
func websocket(r *http.Request) bool {
	return r.ProtoMajor == 1 && r.Method == http.MethodGet && r.ContentLength == 0 &&
		token(r.Header["Connection"], "upgrade") && len(r.Header["Upgrade"]) == 1 &&
		strings.EqualFold(r.Header["Upgrade"][0], "websocket")
}

func token(values []string, want string) bool {
	return slices.ContainsFunc(values, func(v string) bool {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), want) {
				return true
			}
		}
		return false
	})
}

// trial makes the action of a request that nobody sent.
func trial(svc *action.Service, t action.Trial) (*action.Action, error) {
	q := received{method: t.Method, target: t.URL, header: make(http.Header, len(t.Headers)), size: int64(len(t.Body))}
	if q.method == "" {
		q.method = http.MethodGet
	}
	for name, v := range t.Headers {
		q.header.Add(name, v)
	}
	var dst netip.AddrPort
	if !strings.HasPrefix(t.URL, "/") {
		u, err := url.Parse(t.URL)
		if err != nil {
			return nil, badRequest("the URL cannot be read")
		}
		host, port, err := normal.Authority(u.Host)
		if err != nil {
			return nil, badRequest(err.Error())
		}
		if port == 0 {
			port = map[bool]uint16{true: 443, false: 80}[u.Scheme == "https"]
		}
		_, rest, _ := strings.Cut(t.URL, "://")
		q.host, q.target = host, "/"
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			q.target = "/" + strings.TrimPrefix(rest[i:], "/")
		}
		addr, _ := netip.ParseAddr(host) //nolint:errcheck // a name has no address
		dst = netip.AddrPortFrom(addr, port)
	}
	if p := checkMethod(q.method); p != nil {
		return nil, p
	}
	q.upgrade = q.method == http.MethodGet && strings.EqualFold(q.header.Get("Upgrade"), "websocket")
	a, p := newAsk(svc, q)
	if p != nil {
		return nil, p
	}
	a.act.Dst = dst
	return &a.act, nil
}
