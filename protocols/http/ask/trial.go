package ask

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/content"
	"sallyport.dev/sallyport/protocols/http/normal"
	"sallyport.dev/sallyport/protocols/http/refusal"
)

// Trial makes the action of a request that nobody sent, on the road of live ones.
// Where t.URL is a path, the host is unknown and stays empty.
func Trial(svc *action.Service, t action.Trial) (*action.Action, error) {
	q := received{method: t.Method, target: t.URL, header: make(http.Header, len(t.Headers)), size: int64(len(t.Body))}
	if q.method == "" {
		q.method = http.MethodGet
	}
	for name, v := range t.Headers {
		q.header.Add(name, v)
	}
	var dst netip.AddrPort
	if !strings.HasPrefix(t.URL, "/") {
		var p *refusal.Problem
		if q.host, q.target, dst, p = split(t.URL); p != nil {
			return nil, p
		}
	}
	q.upgrade = q.method == http.MethodGet && strings.EqualFold(q.header.Get("Upgrade"), "websocket")
	a := new(Ask)
	if p := a.form(svc, q); p != nil {
		return nil, p
	}
	if len(t.Body) > 0 {
		a.Understand(content.Read(q.header["Content-Type"], q.header["Content-Encoding"], t.Body))
	}
	a.Act.Dst = dst
	return &a.Act, nil
}

// split takes a URL apart without touching its path.
func split(s string) (host, target string, dst netip.AddrPort, p *refusal.Problem) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "", "", dst, refusal.Unclear("the URL is neither http nor https")
	}
	host, port, err := normal.Authority(u.Host)
	if err != nil {
		return "", "", dst, refusal.Unclear(err.Error())
	}
	if port == 0 {
		port = 80
		if u.Scheme == "https" {
			port = 443
		}
	}
	_, rest, _ := strings.Cut(s, "://")
	target = "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		target = "/" + strings.TrimPrefix(rest[i:], "/")
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		addr = netip.Addr{} // a name
	}
	return host, target, netip.AddrPortFrom(addr, port), nil
}
