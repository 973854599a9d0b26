package tcp

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/vault"
)

type wire struct{ net.Conn }

func (wire) Secure(context.Context, ...string) (*tls.Conn, error) {
	return nil, errors.New("an opaque stream is not dressed")
}

// upstream reaches an echo server, or fails.
type upstream struct {
	err  error
	cred *vault.Credential
	far  net.Conn
}

func (u *upstream) Hold(func()) protocols.Held { return nil }

func (u *upstream) Link(ctx context.Context, open protocols.Open) (protocols.Link, *vault.Credential, error) {
	if u.err != nil {
		return nil, nil, u.err
	}
	near, far := net.Pipe()
	u.far = far
	go func() {
		io.Copy(far, far)
		far.Close()
	}()
	l, err := open.Dress(ctx, wire{near})
	return l, u.cred, err
}

func serve(t *testing.T, verdict action.Verdict, up *upstream) (agent net.Conn, accepted *bool, result chan action.Result) {
	agent, gateway := net.Pipe()
	t.Cleanup(func() { agent.Close() })
	accepted = new(bool)
	result = make(chan action.Result, 1)
	go New().Serve(context.Background(), protocols.Flow{
		Peer: &action.Peer{Name: "a"}, Service: &action.Service{Name: "ssh", Protocol: "tcp"},
		Host: "git.example", Dst: netip.MustParseAddrPort("198.18.0.1:22"),
		Accept: func() (net.Conn, error) { *accepted = true; return gateway, nil },
	}, func(ctx context.Context, ex protocols.Exchange) error {
		a := ex.Action()
		if a.Kind != "connect" || a.Summary != "connect git.example:22" || a.Parts[0].Effects != action.EffectUnknown || a.Dst.Port() != 22 {
			t.Errorf("%+v", a)
		}
		if err := ex.Learn(ctx, action.Whole); err != nil {
			t.Error(err)
		}
		if verdict != action.Allow {
			err := ex.Refuse(ctx, action.Decision{})
			result <- action.Result{}
			return err
		}
		res, err := ex.Forward(ctx, up)
		result <- res
		return err
	})
	return agent, accepted, result
}

func TestAllowed(t *testing.T) {
	agent, _, result := serve(t, action.Allow, &upstream{})
	if _, err := io.WriteString(agent, "hello"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 5)
	if _, err := io.ReadFull(agent, buf); err != nil || string(buf) != "hello" {
		t.Fatalf("%q %v", buf, err)
	}
	agent.Close()
	if r := <-result; r.Sent != 5 || r.Received != 5 || r.Failed {
		t.Errorf("%+v", r)
	}
}

func TestRefusedIsNeverAccepted(t *testing.T) {
	_, accepted, result := serve(t, action.Deny, &upstream{})
	if <-result; *accepted {
		t.Error("accepted")
	}
}

func TestUnreachableIsNeverAccepted(t *testing.T) {
	cred, err := vault.NewCredential(action.Auth{Scheme: "bearer", Secrets: []string{"s"}}, vault.NewSecret([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	for _, up := range []*upstream{{err: errors.New("refused")}, {cred: cred}} {
		_, accepted, result := serve(t, action.Allow, up)
		if r := <-result; *accepted || !r.Failed || r.Err == "" {
			t.Errorf("%v %+v", *accepted, r)
		}
	}
}

func TestTrial(t *testing.T) {
	for url, want := range map[string]string{
		"git.example:22": "connect git.example:22", "https://Git.example/x": "connect git.example:443", "http://git.example": "connect git.example:80",
		"10.0.0.1:22": "connect 10.0.0.1:22", "[fd00::7]:22": "connect [fd00::7]:22", "tcp://git.example:22": "connect git.example:22", "/path": "connect :0",
	} {
		a, err := Trial(&action.Service{Name: "s"}, action.Trial{URL: url})
		if err != nil || a.Summary != want {
			t.Errorf("%s: %+v %v, want %s", url, a, err, want)
		}
	}
	if _, err := Trial(&action.Service{Name: "s"}, action.Trial{URL: "a:b:c"}); err == nil {
		t.Error("no error")
	}
}

func TestFactsAreReadBack(t *testing.T) {
	table := Facts()
	text, err := json.Marshal(table.New())
	if err != nil || json.Unmarshal(text, table.New()) != nil || table.Protocol != "tcp" {
		t.Errorf("%s %v", text, err)
	}
}
