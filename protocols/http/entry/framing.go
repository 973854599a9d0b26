package entry

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
)

// headRead is the most that net/http reads at once while it looks for a head; a
// longer read takes a body, whose end it knows.
const headRead = 4 << 10

// The names of fields that say where a body ends, as they stand in a head.
const (
	lengthName = "content-length:"
	codingName = "transfer-encoding:"
)

// A Framing is an HTTP/1.1 connection that counts the field names which say where
// a body ends: net/http takes them out of the requests that have one too many, and
// does not say so. It reads what it counts from raw lines, so bodies may add to it.
// net/http reads from one goroutine at a time, and asks from the handler's.
type Framing struct {
	net.Conn
	name string // that a line may begin with; "" where it is none
	at   int    // how much of it has come; -1 within a line

	lengths, codings atomic.Int64 // names seen
	told             int64        // lengths that requests showed
}

// Watch gives the connection to be served, and the Framing that was put around it.
// It is nil for HTTP/2, which frames its bodies itself.
func (o *Opened) Watch() (net.Conn, *Framing) {
	if tc, ok := o.Conn.(*tls.Conn); ok && tc.ConnectionState().NegotiatedProtocol == "h2" {
		return o.Conn, nil
	}
	f := &Framing{Conn: o.Conn, at: -1}
	return f, f
}

// Read counts the names in what it reads.
func (f *Framing) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	if len(b) <= headRead {
		f.look(b[:n])
	}
	return n, err
}

// look goes on where the last bytes ended.
func (f *Framing) look(b []byte) {
	for len(b) > 0 {
		if f.at < 0 {
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				return
			}
			b, f.at, f.name = b[i+1:], 0, ""
			continue
		}
		if f.step(b[0]); f.at >= 0 || b[0] != '\n' {
			b = b[1:]
		}
	}
}

// step takes one byte at the beginning of a line; at is -1 once it is decided.
func (f *Framing) step(c byte) {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	if f.at == 0 {
		switch c {
		case lengthName[0]:
			f.name = lengthName
		case codingName[0]:
			f.name = codingName
		}
	}
	if f.at >= len(f.name) || f.name[f.at] != c {
		f.at = -1
		return
	}
	if f.at++; f.at < len(f.name) {
		return
	}
	f.at = -1
	if f.name == lengthName {
		f.lengths.Add(1)
	} else {
		f.codings.Add(1)
	}
}

// Doubtful reports whether a request, each of which is asked about once and in the
// order they come, may have said in more than one way where its body ends. Then the
// connection must end with its answer (RFC 9112, 6.1): what came behind may have
// been meant for its body by whoever else reads it.
func (f *Framing) Doubtful(r *http.Request) bool {
	if f == nil {
		return false
	}
	f.told += int64(len(r.Header["Content-Length"]))
	if !r.ProtoAtLeast(1, 1) {
		return f.codings.Load() > 0 // HTTP/1.0 knows none
	}
	return len(r.TransferEncoding) > 0 && f.lengths.Load() > f.told
}

// CloseWrite ends one direction, where the connection can.
func (f *Framing) CloseWrite() error {
	if h, ok := f.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}
