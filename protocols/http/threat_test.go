package http

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// An agent may name only the host that its connection is for.
func TestT15_SNI(t *testing.T) {
	tests := []struct {
		name, host, sni string
		ok              bool
	}{
		{"agrees", "api.example", "api.example", true},
		{"letters", "api.example", "API.Example", true},
		{"no SNI, named flow", "api.example", "", true},
		{"fronting", "api.example", "evil.example", false},
		{"suffix", "api.example", "x.api.example", false},
		{"address, own name", "", "api.example", true},
		{"address, foreign name", "", "evil.example", false},
		{"address, no SNI", "", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, http.HandlerFunc(echo))
			b.host = tt.host
			c := tls.Client(b.dial(context.Background()), &tls.Config{ServerName: tt.sni, InsecureSkipVerify: true})
			err := c.Handshake()
			if (err == nil) != tt.ok {
				t.Fatalf("handshake: %v", err)
			}
			if err != nil {
				return
			}
			host := "api.example"
			if tt.host == "" && tt.sni == "" {
				host = "198.18.0.7"
			}
			if leaf := c.ConnectionState().PeerCertificates[0]; leaf.VerifyHostname(host) != nil {
				t.Errorf("the leaf is for %v %v, want %s", leaf.DNSNames, leaf.IPAddresses, host)
			}
			raw(t, c, "GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n", "200 OK")
			raw(t, c, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421 Misdirected")
		})
	}
}

// Random names cost no certificate on a connection that is for one name.
func TestT17_NoLeafForForeignNames(t *testing.T) {
	minted := 0
	p := New()
	for i := range 100 {
		agent, gateway := tcpPair(t)
		done := make(chan error, 1)
		go func() {
			done <- p.Serve(context.Background(), protocols.Flow{
				Peer: &action.Peer{}, Service: &action.Service{Name: "api"}, Host: "api.example",
				Accept: func() (net.Conn, error) { return gateway, nil },
				Leaf:   func(string) (*tls.Certificate, error) { minted++; return nil, io.EOF },
			}, nil)
		}()
		tls.Client(agent, &tls.Config{ServerName: fmt.Sprintf("h%d.api.example", i), InsecureSkipVerify: true}).Handshake()
		agent.Close()
		if err := <-done; err == nil {
			t.Error("served")
		}
	}
	if minted != 0 {
		t.Errorf("%d leaves", minted)
	}
}

// slicer sends every write in records of n bytes of plaintext at most: it cuts a
// ClientHello into many records.
type slicer struct {
	net.Conn
	n    int
	done bool
}

func (s *slicer) Write(b []byte) (int, error) {
	if s.done || b[0] != 22 {
		return s.Conn.Write(b)
	}
	s.done = true
	payload := b[5:]
	for len(payload) > 0 {
		n := min(s.n, len(payload))
		rec := append([]byte{22, 3, 1}, binary.BigEndian.AppendUint16(nil, uint16(n))...)
		if _, err := s.Conn.Write(append(rec, payload[:n]...)); err != nil {
			return 0, err
		}
		payload = payload[n:]
	}
	return len(b), nil
}

func TestT19_FragmentedAndHugeHello(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	for _, n := range []int{1, 7, 100} {
		c := tls.Client(&slicer{Conn: b.dial(context.Background()), n: n}, &tls.Config{RootCAs: b.ca.pool, ServerName: "api.example"})
		raw(t, c, "GET / HTTP/1.1\r\nHost: api.example\r\n\r\n", "200 OK")
	}
	// A hello that says it is 16 MiB long is refused before it is read.
	c := b.dial(context.Background())
	hello := append([]byte{22, 3, 1, 0x40, 0}, append([]byte{1, 0xff, 0xff, 0xff}, make([]byte, 0x4000-4)...)...)
	go func() {
		for range 1024 {
			if _, err := c.Write(hello); err != nil {
				return
			}
		}
	}()
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	io.Copy(io.Discard, c)
	if got := len(b.recorded()); got != 3 {
		t.Errorf("%d records", got)
	}
}

// A resumed session is good, but for another name it is refused like a new one.
func TestT19_Resumption(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	cfg := &tls.Config{RootCAs: b.ca.pool, ServerName: "api.example", ClientSessionCache: tls.NewLRUClientSessionCache(1), NextProtos: []string{"http/1.1"}}
	for i := range 2 {
		c := tls.Client(b.dial(context.Background()), cfg)
		raw(t, c, "GET / HTTP/1.1\r\nHost: api.example\r\n\r\n", "200 OK")
		if got := c.ConnectionState().DidResume; got != (i == 1) {
			t.Errorf("connection %d: resumed=%v", i, got)
		}
		c.Close()
	}
	b.host = "other.example"
	if err := tls.Client(b.dial(context.Background()), cfg).Handshake(); err == nil {
		t.Error("a ticket opened another name")
	}
}

// What the rules see is, byte for byte, what the origin sees.
func TestT20_PathMatchedIsPathSent(t *testing.T) {
	var got string
	b := bareBench(t)
	b.rawOrigin(func(c net.Conn) {
		br := bufio.NewReader(c)
		line, _ := br.ReadString('\n')
		got = strings.Fields(line)[1]
		for line != "\r\n" {
			line, _ = br.ReadString('\n')
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	tests := []struct{ send, want string }{ // want "": refused
		{"/public/../admin", "/admin"},
		{"/public/%2e%2e/admin", "/admin"},
		{"/public/.%2E/admin", "/admin"},
		{"//admin", "/admin"},
		{"/./admin", "/admin"},
		{"/%61dmin", "/admin"},
		{"/public/..%2fadmin", ""},
		{"/public%2f..%2fadmin", ""},
		{"/public/..;/admin", ""},
		{"/public/..\\admin", ""},
		{"/public/%252e%252e/admin", ""},
		{"/public/%c0%ae%c0%ae/admin", ""},
		{"/admin%00", ""},
		{"/admin#x", ""},
		{"/x?y=/../z&q=%2e%2e", "/x?y=/../z&q=%2e%2e"},
		{"/x?_method=DELETE&a=1", "/x?a=1"},
	}
	for _, tt := range tests {
		got = ""
		c := b.tlsDial("http/1.1")
		answer := raw(t, c, "GET "+tt.send+" HTTP/1.1\r\nHost: api.example\r\n\r\n", "\r\n\r\n")
		c.Close()
		if got != tt.want || tt.want == "" && !strings.HasPrefix(answer, "HTTP/1.1 400") {
			t.Errorf("%s: sent as %q, want %q; %.30q", tt.send, got, tt.want, answer)
		}
	}
}

// Whatever the agent writes, the origin reads one request whose framing is ours.
func TestT21_Smuggling(t *testing.T) {
	const inner = "GET /evil HTTP/1.1\r\nHost: api.example\r\n\r\n"
	chunkedInner := fmt.Sprintf("0\r\n\r\n%s", inner)
	tests := []struct{ name, head, body string }{
		{"CL.TE", "Content-Length: 50\r\nTransfer-Encoding: chunked", chunkedInner},
		{"TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 3", "5\r\nhello\r\n0\r\n\r\n" + inner},
		{"two CL", "Content-Length: 5\r\nContent-Length: 50", "hello" + inner},
		{"CL list", "Content-Length: 5, 50", "hello" + inner},
		{"CL plus", "Content-Length: +5", "hello" + inner},
		{"CL hex", "Content-Length: 0x5", "hello" + inner},
		{"CL negative", "Content-Length: -1", "hello" + inner},
		{"TE x", "Transfer-Encoding: xchunked", chunkedInner},
		{"TE two", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", chunkedInner},
		{"TE list", "Transfer-Encoding: gzip, chunked", chunkedInner},
		{"TE space", "Transfer-Encoding : chunked", chunkedInner},
		{"TE tab", "Transfer-Encoding:\tchunked\r\nContent-Length: 5", chunkedInner},
		{"TE vertical tab", "Transfer-Encoding: \x0bchunked", chunkedInner},
		{"TE fold", "Transfer-Encoding:\r\n chunked", chunkedInner},
		{"CL underscore", "Content_Length: 50\r\nContent-Length: 5", "hello" + inner},
		{"bare LF", "X: y\nContent-Length: 5", "hello" + inner},
		{"bare CR", "X: y\rContent-Length: 5\r\nContent-Length: 0", inner},
		{"NUL", "X: y\x00z\r\nContent-Length: 0", inner},
		{"two hosts", "Host: evil.example\r\nContent-Length: 0", inner},
		{"CL by Connection", "Connection: content-length\r\nContent-Length: 5", "hello" + inner},
		{"chunk size sign", "Transfer-Encoding: chunked", "+5\r\nhello\r\n0\r\n\r\n" + inner},
		{"chunk size long", "Transfer-Encoding: chunked", "fffffffffffffffff5\r\nhello\r\n0\r\n\r\n" + inner},
		{"chunk ext", "Transfer-Encoding: chunked", "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n" + inner},
		{"chunk LF", "Transfer-Encoding: chunked", "5\nhello\n0\n\n" + inner},
		{"trailer smuggle", "Transfer-Encoding: chunked", "0\r\nContent-Length: 50\r\n\r\n" + inner},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen := make(chan string, 20)
			b := bareBench(t)
			b.rawOrigin(func(c net.Conn) {
				br := bufio.NewReader(c)
				for {
					r, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					_, err = io.Copy(io.Discard, r.Body)
					seen <- fmt.Sprint(r.RequestURI, " ", r.Header["X"], len(r.Header["Content-Length"]), err)
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			})
			c := b.tlsDial("http/1.1")
			io.WriteString(c, "POST /first HTTP/1.1\r\nHost: api.example\r\n"+tt.head+"\r\n\r\n"+tt.body)
			c.SetReadDeadline(time.Now().Add(150 * time.Millisecond))
			io.Copy(io.Discard, c)
			c.Close()
			b.served.Wait()
			judged := b.recorded()
			for n := 1; len(seen) > 0; n++ {
				if s := <-seen; n > len(judged) {
					t.Errorf("the origin read %d requests, %d were judged: %s", n, len(judged), s)
				}
			}
			for _, r := range judged {
				if len(r.act.Parts) > 0 && !strings.Contains(r.act.Summary, "/first") && !strings.Contains(r.act.Summary, "/evil") {
					t.Errorf("judged %q", r.act.Summary)
				}
			}
		})
	}
}

// A request that says in two ways where it ends is answered, allowed or not, and its
// connection is over: what comes behind may have been meant for its body.
func TestT21_TwoFramingsEndTheConnection(t *testing.T) {
	const second = "GET /second HTTP/1.1\r\nHost: api.example\r\n\r\n"
	tests := []struct {
		name, line, fields string
		verdict            action.Verdict
		answers            int
	}{
		{"chunks", "POST /first HTTP/1.1", "Transfer-Encoding: chunked", action.Allow, 2},
		{"both", "POST /first HTTP/1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked", action.Allow, 1},
		{"both, refused", "POST /first HTTP/1.1", "transfer-encoding: chunked\r\ncontent-length: 5", action.Deny, 1},
		{"both, unread", "POST /%2F HTTP/1.1", "Transfer-Encoding: chunked\r\nContent-Length: 5", action.Allow, 1},
		{"HTTP/1.0", "POST /first HTTP/1.0", "Transfer-Encoding: chunked\r\nConnection: keep-alive", action.Allow, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bareBench(t)
			b.plainOrigin(http.HandlerFunc(echo))
			b.decide = func(*action.Action) action.Decision { return action.Decision{Verdict: tt.verdict} }
			c := b.tlsDial("http/1.1")
			body := "5\r\nhello\r\n0\r\n\r\n"
			if tt.name == "HTTP/1.0" {
				body = ""
			}
			io.WriteString(c, tt.line+"\r\nHost: api.example\r\n"+tt.fields+"\r\n\r\n"+body+second)
			c.SetReadDeadline(time.Now().Add(30 * time.Second))
			br, n := bufio.NewReader(c), 0
			for ; n < tt.answers; n++ {
				resp, err := http.ReadResponse(br, nil)
				if err != nil {
					t.Fatalf("answer %d: %v", n+1, err)
				}
				io.Copy(io.Discard, resp.Body)
				if last := tt.answers == 1; resp.Close != last && tt.name != "HTTP/1.0" {
					t.Errorf("Connection: close is %t, want %t", resp.Close, last)
				}
			}
			if tt.answers == 1 {
				if _, err := br.ReadByte(); !errors.Is(err, io.EOF) {
					t.Errorf("the connection goes on: %v", err)
				}
			}
		})
	}
}

// In HTTP/2 nothing but frames separates requests; what would separate them in
// HTTP/1.1 must not get through.
func TestT21_HTTP2Downgrade(t *testing.T) {
	seen := make(chan string, 100)
	b := bareBench(t)
	b.rawOrigin(func(c net.Conn) {
		br := bufio.NewReader(c)
		for {
			r, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(r.Body)
			seen <- fmt.Sprintf("%s %s %s %q", r.Method, r.RequestURI, r.Host, body)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	base := func(over ...string) []hpack.HeaderField {
		m := [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "api.example"}, {":path", "/ok"}}
		for i := 0; i < len(over); i += 2 {
			found := false
			for j := range m {
				if m[j][0] == over[i] {
					m[j][1], found = over[i+1], true
				}
			}
			if !found {
				m = append(m, [2]string{over[i], over[i+1]})
			}
		}
		var out []hpack.HeaderField
		for _, f := range m {
			out = append(out, hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		return out
	}
	tests := []struct {
		name   string
		fields []hpack.HeaderField
		pass   bool
	}{
		{"plain", base(), true},
		{"te trailers", base("te", "trailers"), true},
		{"method with a request line", base(":method", "GET /evil HTTP/1.1\r\nX: y"), false},
		{"method with a space", base(":method", "GET /evil?"), false},
		{"path with a space", base(":path", "/ok HTTP/1.1"), false},
		{"path with CRLF", base(":path", "/ok\r\nX: y"), false},
		{"value with CRLF", base("x", "y\r\nZ: z"), false},
		{"name with colon", base("x: y", "z"), false},
		{"connection", base("connection", "close"), false},
		{"transfer-encoding", base("transfer-encoding", "chunked"), false},
		{"upgrade", base("upgrade", "h2c"), false},
		{"keep-alive", base("keep-alive", "x"), false},
		{"te gzip", base("te", "gzip"), false},
		{"host differs", base("host", "evil.example"), false},
		{"authority differs", base(":authority", "evil.example"), false},
		{"authority with user", base(":authority", "u@api.example"), false},
		{"asterisk", base(":method", "OPTIONS", ":path", "*"), false},
		{"no path", base(":path", "x"), false},
		{"absolute path", base(":path", "https://evil.example/"), false},
		{"scheme", base(":scheme", "http"), true}, // Go ignores it, and so do we: the connection says it
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := b.tlsDial("h2")
			defer c.Close()
			status := h2Request(t, c, tt.fields)
			if (status == "200") != tt.pass {
				t.Errorf("status %q", status)
			}
			select {
			case got := <-seen:
				if !tt.pass || got != `GET /ok api.example ""` {
					t.Errorf("the origin read %s", got)
				}
			default:
				if tt.pass {
					t.Error("the origin read nothing")
				}
			}
		})
	}
}

// h2Request sends one HEADERS frame and gives the status of the answer, or "reset".
func h2Request(t *testing.T, c net.Conn, fields []hpack.HeaderField) string {
	t.Helper()
	io.WriteString(c, http2.ClientPreface)
	fr := http2.NewFramer(c, c)
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	fr.WriteSettings()
	var buf strings.Builder
	enc := hpack.NewEncoder(&buf)
	for _, f := range fields {
		enc.WriteField(f)
	}
	fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(buf.String()), EndStream: true, EndHeaders: true})
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			return "closed"
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			return f.PseudoValue("status")
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return "reset"
		}
	}
}

func TestT22_NamesAgree(t *testing.T) {
	tests := []struct {
		line, host string
		status     string
	}{
		{"GET / HTTP/1.1", "api.example", "200"},
		{"GET / HTTP/1.1", "API.example.", "200"},
		{"GET / HTTP/1.1", "api.example:443", "200"},
		{"GET / HTTP/1.1", "api.example:80", "421"},
		{"GET / HTTP/1.1", "evil.example", "421"},
		{"GET / HTTP/1.1", "198.18.0.7", "421"},
		{"GET / HTTP/1.1", "api.example@evil.example", "400"},
		{"GET / HTTP/1.1", "api.example, evil.example", "400"},
		{"GET / HTTP/1.1", "api.example/x", "400"},
		{"GET / HTTP/1.1", "", "400"},
		{"GET https://api.example/ HTTP/1.1", "api.example", "200"},
		{"GET https://api.example HTTP/1.1", "api.example", "200"},
		{"GET https://evil.example/ HTTP/1.1", "api.example", "421"},
		{"GET http://api.example/ HTTP/1.1", "api.example", "421"},
		{"GET https://u:p@api.example/ HTTP/1.1", "api.example", "421"},
		{"GET ftp://api.example/ HTTP/1.1", "api.example", "421"},
		{"GET //evil.example/ HTTP/1.1", "api.example", "200"}, // a path, whatever it looks like
		{"OPTIONS * HTTP/1.1", "api.example", "400"},
		{"CONNECT api.example:443 HTTP/1.1", "api.example", "405"},
		{"PRI * HTTP/2.0", "api.example", "400"},
		{"GET / HTTP/3.0", "api.example", "505"},
	}
	for _, tt := range tests {
		b := newBench(t, http.HandlerFunc(echo))
		c := b.tlsDial("http/1.1")
		got := raw(t, c, tt.line+"\r\nHost: "+tt.host+"\r\n\r\n", "\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 "+tt.status) {
			t.Errorf("%s, Host %s: %.40q, want %s", tt.line, tt.host, got, tt.status)
		}
		if tt.status != "200" && b.dials != 0 {
			t.Errorf("%s, Host %s: dialled", tt.line, tt.host)
		}
		c.Close()
	}
}

func TestT22_AddressFlows(t *testing.T) {
	for _, tt := range []struct{ dst, host, status string }{
		{"10.4.0.12:80", "10.4.0.12", "200"},
		{"10.4.0.12:8080", "10.4.0.12:8080", "200"},
		{"10.4.0.12:80", "10.4.0.13", "421"},
		{"10.4.0.12:80", "10.4.12", "421"},
		{"10.4.0.12:80", "api.example", "421"},
		{"[fd00::7]:80", "[fd00:0::7]", "200"},
		{"[fd00::7]:80", "[fd00::8]", "421"},
		{"[fd00::7]:80", "[fe80::1%25eth0]", "400"},
	} {
		b := bareBench(t)
		b.host, b.dst = "", netip.MustParseAddrPort(tt.dst)
		b.plainOrigin(http.HandlerFunc(echo))
		got := raw(t, b.dial(context.Background()), "GET / HTTP/1.1\r\nHost: "+tt.host+"\r\n\r\n", "\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 "+tt.status) {
			t.Errorf("%s, Host %s: %.40q, want %s", tt.dst, tt.host, got, tt.status)
		}
	}
}

// The method that is judged is the one that the origin acts on.
func TestT23_Methods(t *testing.T) {
	var seen string
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Method + " " + r.Header.Get("X-Http-Method-Override") + r.Header.Get("X-Method-Override") + r.Header.Get("X-Http-Method") + r.URL.RawQuery
	}))
	tests := []struct {
		method string
		effect action.Effects
		pass   bool
	}{
		{"GET", action.EffectRead, true},
		{"HEAD", action.EffectRead, true},
		{"OPTIONS", action.EffectRead, true},
		{"POST", action.EffectWrite, true},
		{"PUT", action.EffectWrite, true},
		{"PATCH", action.EffectWrite, true},
		{"DELETE", action.EffectDestructive, true},
		{"get", action.EffectUnknown, true},
		{"Delete", action.EffectUnknown, true},
		{"PROPFIND", action.EffectUnknown, true},
		{"QUERY", action.EffectUnknown, true},
		{"TRACE", 0, false},
		{"TRACK", 0, false},
		{"CONNECT", 0, false},
	}
	for i, tt := range tests {
		seen = ""
		c := b.tlsDial("http/1.1")
		raw(t, c, tt.method+" /x?_method=DELETE&.method=DELETE&%20_method=DELETE&+%5Fmethod=DELETE&%5Bmethod=DELETE&_Method=DELETE&_method%00x=DELETE HTTP/1.1\r\nHost: api.example\r\nX-HTTP-Method-Override: DELETE\r\nX-Method-Override: DELETE\r\nX-HTTP-Method: DELETE\r\nContent-Length: 0\r\n\r\n", "\r\n\r\n")
		c.Close()
		r := b.waitRecords(i + 1)[i]
		if !tt.pass {
			if seen != "" || len(r.act.Parts) != 0 {
				t.Errorf("%s passed: %s", tt.method, seen)
			}
			continue
		}
		if seen != tt.method+" " || r.act.Parts[0].Effects != tt.effect {
			t.Errorf("%s: the origin saw %q, effects %v", tt.method, seen, r.act.Parts[0].Effects)
		}
	}
}

// A head of 256 MiB costs its sender a connection and the gateway nothing.
func TestT24_HugeHead(t *testing.T) {
	for name, next := range map[string]func() string{
		"one field":   func() string { return strings.Repeat("a", 64<<10) },
		"many fields": func() string { return strings.Repeat("X: yyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", 2<<10) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, http.HandlerFunc(echo))
			c := b.tlsDial("http/1.1")
			chunk := []byte(next())
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: api.example\r\nX: ")
			sent := 0
			for sent < 256<<20 {
				n, err := c.Write(chunk)
				sent += n
				if err != nil {
					break
				}
			}
			c.Close()
			b.served.Wait()
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 24<<20 || len(b.recorded()) != 0 {
				t.Errorf("%d MiB sent, %d MiB allocated, %d records", sent>>20, grown>>20, len(b.recorded()))
			}
		})
	}
	t.Run("fields", func(t *testing.T) {
		b := newBench(t, http.HandlerFunc(echo))
		for n, status := range map[int]string{100: "200", 129: "431"} {
			raw(t, b.tlsDial("http/1.1"), "GET / HTTP/1.1\r\nHost: api.example\r\n"+strings.Repeat("X: y\r\n", n)+"\r\n", "HTTP/1.1 "+status)
		}
	})
	t.Run("answer", func(t *testing.T) {
		b := bareBench(t)
		b.rawOrigin(func(c net.Conn) {
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
			for {
				if _, err := io.WriteString(c, strings.Repeat("a", 64<<10)); err != nil {
					return
				}
			}
		})
		resp, err := b.client(false).Get("https://api.example/")
		if err != nil {
			t.Fatal(err)
		}
		if body(t, resp); resp.StatusCode != 502 || b.waitRecords(1)[0].res.Received > 128<<10 {
			t.Errorf("%s %+v", resp.Status, b.recorded()[0].res)
		}
	})
}

// After an answer that came before the request was whole, what is still on the
// wire is never read as another request.
func TestT29_EarlyAnswer(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		b := newBench(t, http.HandlerFunc(echo))
		b.decide = func(a *action.Action) action.Decision { return action.Decision{Reason: "No."} }
		c := b.tlsDial("http/1.1")
		inner := "GET /evil HTTP/1.1\r\nHost: api.example\r\n\r\n"
		raw(t, c, "POST /a HTTP/1.1\r\nHost: api.example\r\nContent-Length: "+fmt.Sprint(len(inner))+"\r\n\r\n", "next_step")
		io.WriteString(c, inner)
		c.CloseWrite()
		until(t, c, "")
		if r := b.waitRecords(1); len(r) != 1 {
			t.Errorf("%d records: %s", len(r), r[1].act.Summary)
		}
	})
	t.Run("answered", func(t *testing.T) {
		b := bareBench(t)
		b.rawOrigin(func(c net.Conn) {
			br := bufio.NewReader(c)
			for {
				if _, err := http.ReadRequest(br); err != nil {
					return
				}
				io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
			}
		})
		for _, framing := range []string{"Content-Length: 1000000", "Transfer-Encoding: chunked"} {
			b.records = nil
			c := b.tlsDial("http/1.1")
			got := raw(t, c, "POST /a HTTP/1.1\r\nHost: api.example\r\n"+framing+"\r\n\r\n", "big")
			if !strings.Contains(got, "Connection: close") {
				t.Errorf("%s: %q", framing, got)
			}
			io.WriteString(c, "GET /evil HTTP/1.1\r\nHost: api.example\r\n\r\n")
			c.CloseWrite()
			c.SetReadDeadline(time.Now().Add(30 * time.Second))
			io.Copy(io.Discard, c)
			b.served.Wait()
			if r := b.waitRecords(1); len(r) != 1 || r[0].res.Status != "413" {
				t.Errorf("%s: %d records, %+v", framing, len(r), r[0].res)
			}
		}
	})
}

// Trailers carry neither credentials nor policy, nor anything unannounced.
func TestT30_Trailers(t *testing.T) {
	b := bareBench(t)
	got := make(chan http.Header, 1)
	b.rawOrigin(func(c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		io.Copy(io.Discard, r.Body)
		got <- r.Trailer
		io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Good, Set-Cookie, Authorization\r\n\r\n"+
			"2\r\nok\r\n0\r\nX-Good: 1\r\nX-Sly: 1\r\nSet-Cookie: a=b\r\nAuthorization: x\r\n\r\n")
	})
	b.auth, b.svc.Injects = &action.Auth{Scheme: "bearer", Secrets: []string{"s"}}, true
	c := b.tlsDial("http/1.1")
	answer := raw(t, c, "POST / HTTP/1.1\r\nHost: api.example\r\nTransfer-Encoding: chunked\r\nTrailer: X-Good, Authorization, X-Forwarded-For, Cookie\r\n\r\n"+
		"2\r\nhi\r\n0\r\nX-Good: 1\r\nX-Sly: 1\r\nAuthorization: mine\r\nX-Forwarded-For: 1.1.1.1\r\nCookie: a=b\r\n\r\n", "X-Good: 1\r\n")
	if h := <-got; len(h) != 1 || h.Get("X-Good") != "1" {
		t.Errorf("the origin got the trailers %v", h)
	}
	if strings.Contains(answer, "X-Sly") || strings.Contains(answer, "Cookie") || strings.Contains(answer, "Authorization") {
		t.Errorf("%q", answer)
	}
}

// Fields that Connection names are taken out before the credential is put in.
func TestT34_NominatedCredential(t *testing.T) {
	var seen http.Header
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen = r.Header.Clone() }))
	b.auth, b.svc.Injects = &action.Auth{Scheme: "bearer", Secrets: []string{"s"}}, true
	c := b.tlsDial("http/1.1")
	raw(t, c, "GET / HTTP/1.1\r\nHost: api.example\r\nConnection: keep-alive, Authorization, X-Drop\r\nX-Drop: 1\r\nAuthorization: mine\r\n\r\n", "200 OK")
	if seen.Get("Authorization") != "Bearer "+canary || seen.Get("X-Drop") != "" || seen.Get("Connection") != "" {
		t.Errorf("%v", seen)
	}
}

// No byte of an agent begins a line of the log.
func TestT49_LogInjection(t *testing.T) {
	var log strings.Builder
	b := newBench(t, http.HandlerFunc(echo))
	b.p.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := b.tlsDial("http/1.1")
	raw(t, c, "GET /\x1b[31m%0d%0aforged HTTP/1.1\r\nHost: api.example\r\n\r\n", "400")
	c = b.tlsDial("http/1.1")
	raw(t, c, "G\x1bT / HTTP/1.1\r\nHost: \x1b[31mapi.example\r\nX: a\rb\r\n\r\n", "400")
	c.Close()
	for _, r := range b.recorded() {
		if strings.IndexFunc(r.act.Summary, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			t.Errorf("summary %q", r.act.Summary)
		}
	}
	b.served.Wait()
	if strings.Contains(log.String(), "\x1b") || strings.Contains(log.String(), "\nforged") {
		t.Errorf("%q", log.String())
	}
}
