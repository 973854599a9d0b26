package peek

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/netstack"
)

// FuzzName feeds first bytes of an agent: nothing panics, nothing read is lost.
func FuzzName(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a.example\r\n\r\nrest"))
	f.Add([]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"))
	f.Add([]byte("\x00\x00\x00\x08\x04\xd2\x16\x2f"))
	f.Fuzz(func(t *testing.T, first []byte) {
		c := &script{in: bytes.NewReader(first)}
		nf := netstack.Flow{Peer: &action.Peer{Name: "x"}, Accept: func() (net.Conn, error) { return c, nil }}
		named, err := Name(t.Context(), nf)
		if err != nil {
			return
		}
		if named.Host == "" {
			t.Error("a name that is none")
		}
		conn, err := named.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, first) {
			t.Errorf("the protocol reads %q of %q (%v)", got, first, err)
		}
	})
}

// A script is a connection that says in and swallows what it is told.
type script struct {
	net.Conn
	in io.Reader
}

func (s *script) Read(b []byte) (int, error)       { return s.in.Read(b) }
func (s *script) Write(b []byte) (int, error)      { return len(b), nil }
func (s *script) Close() error                     { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
