package netstack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
)

type peers map[netip.Addr]*action.Peer

func (p peers) Lookup(a netip.Addr) (*action.Peer, bool) {
	peer, ok := p[a]
	return peer, ok
}

type pool map[netip.Addr]string

func (p pool) Lookup(a netip.Addr) (string, bool) {
	name, ok := p[a]
	return name, ok
}

type serve func(context.Context, Flow) error

func (s serve) ServeFlow(ctx context.Context, f Flow) error { return s(ctx, f) }

// pipe is a Conn in memory.
type pipe struct {
	net.Conn
	once    sync.Once
	aborted chan struct{}
}

func (p *pipe) CloseWrite() error { return p.Conn.Close() }
func (p *pipe) Abort() {
	p.once.Do(func() { close(p.aborted) })
	p.Conn.Close()
}
func (p *pipe) Gone(time.Duration) bool { return true }

// call is an offer and what became of it.
type call struct {
	Offer
	agent            net.Conn
	gateway          *pipe
	accepts, refuses int
}

func newCall(dst string) *call {
	c := &call{gateway: &pipe{aborted: make(chan struct{})}}
	c.agent, c.gateway.Conn = net.Pipe()
	c.Offer = Offer{
		Src: netip.MustParseAddrPort("10.77.0.2:5000"), Dst: netip.MustParseAddrPort(dst),
		Accept: func(context.Context) (Conn, error) { c.accepts++; return c.gateway, nil },
		Refuse: func() { c.refuses++ },
	}
	return c
}

func newServer(h serve) *Server {
	return &Server{
		Handler: h,
		Peers:   peers{netip.MustParseAddr("10.77.0.2"): {ID: "id", Name: "ci"}},
		Names: pool{
			netip.MustParseAddr("198.18.0.7"): "api.example.com",
			netip.MustParseAddr("198.18.0.8"): "",
		},
	}
}

func TestServeAnnouncesTheFlow(t *testing.T) {
	for _, tc := range []struct {
		name, dst string
		own       bool
		host      string
		served    bool
	}{
		{"address", "1.2.3.4:443", false, "", true},
		{"virtual IP", "198.18.0.7:443", false, "api.example.com", true},
		{"stale virtual IP", "198.18.0.8:443", false, "", false},
		{"gateway", "10.77.0.1:80", true, GatewayName, true},
		{"gateway, DNS over TLS", "10.77.0.1:853", true, "", false},
		{"DNS over TLS", "1.1.1.1:853", false, "", false},
		{"DNS without a resolver", "1.1.1.1:53", false, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []Flow
			s := newServer(func(_ context.Context, f Flow) error { got = append(got, f); return nil })
			c := newCall(tc.dst)
			c.Own = tc.own
			s.Serve(t.Context(), c.Offer)
			if (len(got) == 1) != tc.served || c.refuses != 1 || c.accepts != 0 {
				t.Fatalf("served %d, refused %d, accepted %d", len(got), c.refuses, c.accepts)
			}
			if tc.served && (got[0].Host != tc.host || got[0].Dst != c.Dst || got[0].Src != c.Src || got[0].Peer.Name != "ci") {
				t.Errorf("announced as %+v", got[0])
			}
		})
	}
}

func TestServeRefusesStrangers(t *testing.T) {
	s := newServer(func(context.Context, Flow) error { t.Error("a stranger was served"); return nil })
	c := newCall("1.2.3.4:443")
	c.Src = netip.MustParseAddrPort("10.77.0.3:5000")
	s.Serve(t.Context(), c.Offer)
	if c.refuses != 1 {
		t.Errorf("refused %d times", c.refuses)
	}
}

func TestAcceptOnlyOnceAndOnlyInTime(t *testing.T) {
	var late func() (net.Conn, error)
	s := newServer(func(_ context.Context, f Flow) error {
		if _, err := f.Accept(); err != nil {
			t.Errorf("first: %v", err)
		}
		if _, err := f.Accept(); err == nil {
			t.Error("accepted twice")
		}
		return nil
	})
	c := newCall("1.2.3.4:443")
	s.Serve(t.Context(), c.Offer)
	if c.accepts != 1 || c.refuses != 0 {
		t.Errorf("accepted %d, refused %d", c.accepts, c.refuses)
	}
	s = newServer(func(_ context.Context, f Flow) error { late = f.Accept; return nil })
	c = newCall("1.2.3.4:443")
	s.Serve(t.Context(), c.Offer)
	if _, err := late(); err == nil || c.accepts != 0 || c.refuses != 1 {
		t.Errorf("accepted %d after the end, refused %d: %v", c.accepts, c.refuses, err)
	}
}

func TestPanicIsLoggedWithoutItsValue(t *testing.T) {
	var log bytes.Buffer
	s := newServer(func(context.Context, Flow) error { panic("canary") })
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	c := newCall("1.2.3.4:443")
	s.Serve(t.Context(), c.Offer)
	if c.refuses != 1 {
		t.Error("the flow was not refused")
	}
	if text := log.String(); !strings.Contains(text, "panic") || strings.Contains(text, "canary\"") || strings.Contains(text, "a canary") {
		t.Errorf("logged %s", text)
	}
}

func TestCutEndsFlowsAndBarsNewOnes(t *testing.T) {
	begun := make(chan struct{})
	s := newServer(func(ctx context.Context, f Flow) error {
		if _, err := f.Accept(); err != nil {
			return err
		}
		close(begun)
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), errCut) {
			t.Errorf("ended by %v", context.Cause(ctx))
		}
		return ctx.Err()
	})
	c := newCall("1.2.3.4:443")
	done := make(chan struct{})
	go func() { s.Serve(t.Context(), c.Offer); close(done) }()
	<-begun
	open := s.Cut("id")
	<-c.gateway.aborted
	<-done
	barred := newCall("1.2.3.4:443")
	s.Serve(t.Context(), barred.Offer)
	if barred.refuses != 1 {
		t.Error("a flow came in while the agent was taken out")
	}
	open()
	begun = make(chan struct{})
	again := newCall("1.2.3.4:443")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	s.Handler = serve(func(context.Context, Flow) error { close(begun); return nil })
	s.Serve(ctx, again.Offer)
}

// A cut between the look-up and the registration of a flow must not be missed.
func TestCutBeforeRegistration(t *testing.T) {
	s := newServer(func(context.Context, Flow) error { t.Error("served"); return nil })
	live := s.Peers.(peers)
	s.Names = lookup(func(netip.Addr) (string, bool) {
		delete(live, netip.MustParseAddr("10.77.0.2"))
		s.Cut("id")()
		return "", false
	})
	c := newCall("1.2.3.4:443")
	s.Serve(t.Context(), c.Offer)
	if c.refuses != 1 {
		t.Errorf("refused %d times", c.refuses)
	}
}

type lookup func(netip.Addr) (string, bool)

func (l lookup) Lookup(a netip.Addr) (string, bool) { return l(a) }

func TestAgentsAreForgotten(t *testing.T) {
	s := newServer(func(context.Context, Flow) error { return nil })
	s.Serve(t.Context(), newCall("1.2.3.4:443").Offer)
	if n := len(s.agents.byID); n != 0 {
		t.Errorf("%d agents are remembered", n)
	}
}

func TestRejectsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(nil)
		s.Limits.Rejects = 3
		src, n := netip.MustParseAddr("10.77.0.2"), 0
		for range 1990 {
			if s.MayReject(src) {
				n++
			}
			time.Sleep(time.Millisecond)
		}
		if n != 2*3 {
			t.Errorf("%d rejects in two seconds, want 6", n)
		}
		if s.MayReject(netip.MustParseAddr("10.77.0.3")) {
			t.Error("a stranger is answered")
		}
	})
}

type answers func(q []byte, stream bool) []byte

func (a answers) Answer(_ *action.Peer, q []byte, stream bool) []byte { return a(q, stream) }

func TestDNSStream(t *testing.T) {
	s := newServer(nil)
	s.Resolver = answers(func(q []byte, stream bool) []byte {
		if !stream || string(q) == "stop" {
			return nil
		}
		return append([]byte("re:"), q...)
	})
	c := newCall("8.8.8.8:53")
	done := make(chan struct{})
	go func() { s.Serve(t.Context(), c.Offer); close(done) }()
	for _, q := range []string{"one", "", strings.Repeat("x", maxQuery)} {
		if err := WriteFrame(c.agent, []byte(q)); err != nil {
			t.Fatal(err)
		}
		got, err := ReadFrame(c.agent, 0xffff)
		if err != nil || string(got) != "re:"+q {
			t.Fatalf("%d bytes: %q, %v", len(q), got, err)
		}
	}
	if err := WriteFrame(c.agent, []byte("stop")); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFrame(c.agent, 0xffff); !errors.Is(err, io.EOF) {
		t.Errorf("after no answer: %v", err)
	}
	<-done
}

// Whoever is slow at DNS over TCP keeps its connection no longer than one question
// may take.
func TestT10_SlowDNSClientsAreCutOff(t *testing.T) {
	clients := map[string]func(c net.Conn){
		"it says nothing": func(net.Conn) {},
		"it asks byte by byte": func(c net.Conn) {
			for err := error(nil); err == nil; time.Sleep(time.Second) {
				_, err = c.Write([]byte{1})
			}
		},
		"it reads no answer": func(c net.Conn) {
			for WriteFrame(c, []byte("one")) == nil {
			}
		},
		"it reads an answer byte by byte": func(c net.Conn) {
			err := WriteFrame(c, []byte("one"))
			for ; err == nil; time.Sleep(time.Second) {
				_, err = c.Read(make([]byte, 1))
			}
		},
	}
	for name, client := range clients {
		synctest.Test(t, func(t *testing.T) {
			agent, gateway := net.Pipe()
			defer agent.Close()
			var gone sync.WaitGroup
			gone.Go(func() { client(agent) })
			begin := time.Now()
			err := serveDNS(gateway, &action.Peer{}, answers(func([]byte, bool) []byte { return make([]byte, 500) }))
			defer gone.Wait()
			gateway.Close()
			if took := time.Since(begin); err != nil || took != dnsIdle {
				t.Errorf("%s: it is served for %v, %v", name, took, err)
			}
		})
	}
}

func TestQueryPanicDropsTheAnswer(t *testing.T) {
	s := newServer(nil)
	s.Resolver = answers(func([]byte, bool) []byte { panic("canary") })
	s.Query(netip.MustParseAddrPort("10.77.0.2:5000"), []byte("q"), func([]byte) { t.Error("answered") })
	s.Stop()
	s.Query(netip.MustParseAddrPort("10.77.0.2:5000"), []byte("q"), func([]byte) { t.Error("answered after the end") })
}

func TestReadFrame(t *testing.T) {
	for _, tc := range []struct {
		name, in, want string
		err            error
	}{
		{"whole", "\x00\x02ab", "ab", nil},
		{"empty", "\x00\x00", "", nil},
		{"nothing", "", "", io.EOF},
		{"half a length", "\x00", "", io.ErrUnexpectedEOF},
		{"no message", "\x00\x02", "", io.ErrUnexpectedEOF},
		{"half a message", "\x00\x02a", "", io.ErrUnexpectedEOF},
	} {
		got, err := ReadFrame(strings.NewReader(tc.in), 16)
		if string(got) != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: %q, %v", tc.name, got, err)
		}
	}
	if _, err := ReadFrame(strings.NewReader("\xff\xff"), 16); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("too long: %v", err)
	}
	if err := WriteFrame(io.Discard, make([]byte, 0x10000)); err == nil {
		t.Error("a frame of 64 KiB was written")
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x00\x02ab\x00\x01c"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		for {
			msg, err := ReadFrame(r, 512)
			if err != nil {
				return
			}
			var again bytes.Buffer
			if err := WriteFrame(&again, msg); err != nil || !bytes.Contains(b, again.Bytes()) {
				t.Errorf("%q was read from %q: %v", msg, b, err)
			}
		}
	})
}
