// Package leak keeps injected secrets out of what an origin answers: it asks for
// codings that can be read, undoes them, and masks every form of a secret in
// head, body and trailers. What it cannot read it refuses; it judges nothing.
package leak

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strings"

	"sallyport.dev/sallyport/protocols/http/socket"
	"sallyport.dev/sallyport/protocols/http/tokens"
	"sallyport.dev/sallyport/vault/scrub"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// ErrCoding means that an answer cannot be searched.
var ErrCoding = errors.New("its coding cannot be searched for the secret")

const (
	maxWindow = 8 << 20 // of zstd (RFC 9659)
	maxDrain  = 4 << 10 // behind the end of a coding, before the end of the message
)

// A Guard watches the answers to one request. It belongs to one exchange. The
// zero Guard watches none, as for a service without a secret.
type Guard struct {
	acts  bool // the request is made with an account
	used  *scrub.Matcher
	plain bool
	heard bool // somebody reads the messages of a WebSocket
	given tokens.Reader
	body  scrub.Reader
}

// Watch sets what to look for in the answer to a request that is made with an account;
// nil where all that is injected is too short to be told from other text.
func (g *Guard) Watch(used *scrub.Matcher) { g.acts, g.used = true, used }

// Plain has the body read without coding even where there is no secret, since
// somebody reads it on the way. What cannot be undone then passes as it is.
func (g *Guard) Plain() { g.plain = true }

// Heard has a WebSocket speak without extensions even where there is no secret, since
// somebody reads its messages on the way.
func (g *Guard) Heard() { g.heard = true }

// Sent gives the values of a request's field that go to the origin: no ranges,
// which could be laid so that a secret is in none of them whole, and only codings
// that can be undone; of a WebSocket no extensions, which compress its messages.
func (g *Guard) Sent(name string, values []string) []string {
	switch {
	case g.acts && (name == "Range" || name == "If-Range"), (g.acts || g.heard) && name == extensions:
		return nil
	case (g.acts || g.plain) && name == "Accept-Encoding":
		return readable(values)
	}
	return values
}

// readable keeps the codings that can be undone, with their weights.
func readable(values []string) []string {
	var keep []string
	for _, v := range values {
		for coding := range strings.SplitSeq(v, ",") {
			coding = textproto.TrimString(coding)
			name, _, _ := strings.Cut(coding, ";")
			if name = strings.ToLower(textproto.TrimString(name)); known(name) || name == "identity" {
				keep = append(keep, coding)
			}
		}
	}
	if len(keep) == 0 {
		return []string{"identity"} // none at all would mean any (RFC 9110, 12.5.3)
	}
	return []string{strings.Join(keep, ", ")}
}

// known reports whether a coding can be undone.
func known(coding string) bool {
	switch coding {
	case "gzip", "x-gzip", "deflate", "br", "zstd":
		return true
	}
	return false
}

// extensions of a WebSocket (RFC 6455, 9.1).
const extensions = "Sec-Websocket-Extensions"

// Socket gives what an origin sends over a WebSocket without secrets, as they are known
// then; used is what Watch was told. It refuses one that speaks an extension, for none
// was asked for.
func (g *Guard) Socket(h http.Header, c net.Conn, used func() *scrub.Matcher) (net.Conn, error) {
	if (g.acts || g.heard) && len(h[extensions]) > 0 {
		return nil, fmt.Errorf("%w: a WebSocket with extensions", ErrCoding)
	}
	if !g.acts {
		return c, nil
	}
	return socket.Conn(c, used), nil
}

// Error gives err, whose text may quote what an origin sent, without secrets.
func (g *Guard) Error(err error) error {
	text := err.Error()
	if masked := g.used.MaskString(text); masked != text {
		return errors.New(masked)
	}
	return err
}

// Fields masks secrets in the values and names of an answer's fields, in place. It
// takes the cookies out: they are a session of the secret's account, good without
// the gateway.
func (g *Guard) Fields(h http.Header) {
	if !g.acts {
		return
	}
	delete(h, "Set-Cookie")
	for name, values := range h {
		for i, v := range values {
			values[i] = g.used.MaskString(v)
		}
		if masked := g.used.MaskString(name); masked != name {
			delete(h, name)
			h[masked] = values
		}
	}
}

// Answer makes resp safe to hand on: its fields are masked, it sets no cookie, and
// its body is read without coding, without secrets and without the tokens that a token
// endpoint gives for them. The fields tell so.
func (g *Guard) Answer(resp *http.Response, head bool) error {
	if !g.acts && !g.plain {
		return nil
	}
	g.Fields(resp.Header)
	coding := strings.ToLower(textproto.TrimString(strings.Join(resp.Header["Content-Encoding"], ",")))
	coded := coding != "" && coding != "identity"
	if !g.acts && (!coded || !known(coding) || resp.StatusCode == http.StatusPartialContent) {
		return nil
	}
	if coded {
		delete(resp.Header, "Content-Encoding")
		delete(resp.Header, "Content-Length")
		delete(resp.Header, "Accept-Ranges")
	}
	if head || resp.Body == http.NoBody {
		return nil
	}
	if coded && resp.StatusCode == http.StatusPartialContent {
		return fmt.Errorf("%w: a part of %q", ErrCoding, coding)
	}
	plain := io.Reader(resp.Body)
	if coded {
		d, err := decoder(coding, resp.Body)
		if err != nil {
			return err
		}
		resp.ContentLength = -1
		plain = &drained{Reader: d, src: resp.Body}
	}
	if g.acts {
		g.given.Reset(plain, resp.Header.Get("Content-Type"))
		plain = &g.given
	}
	g.body.Reset(g.used, plain)
	resp.Body = g
	return nil
}

// Read gives the body of the answer, as an agent may have it.
func (g *Guard) Read(p []byte) (int, error) { return g.body.Read(p) }

// Close does nothing: the body's owner is the link it comes over.
func (g *Guard) Close() error { return nil }

// A drained reader reads to the end of the message behind the end of the coding,
// where nothing may stand.
type drained struct {
	io.Reader
	src io.Reader
}

func (d *drained) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		rest, derr := io.Copy(io.Discard, io.LimitReader(d.src, maxDrain))
		if derr != nil {
			return n, derr
		}
		if rest > 0 {
			return n, fmt.Errorf("%w: %d bytes stand behind its end", ErrCoding, rest)
		}
	}
	return n, err
}

// decoder undoes one coding (RFC 9110, 8.4.1; RFC 7932; RFC 8878) as its bytes
// come.
func decoder(coding string, src io.Reader) (io.Reader, error) {
	switch coding {
	case "gzip", "x-gzip":
		return lazy(func() (io.Reader, error) { return gzip.NewReader(src) }), nil
	case "deflate":
		return lazy(func() (io.Reader, error) { return zlib.NewReader(src) }), nil
	case "br":
		return brotli.NewReader(src), nil
	case "zstd":
		z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		return z, nil // without goroutines, as it decodes one block at a time
	}
	return nil, fmt.Errorf("%w: %q", ErrCoding, coding)
}

// lazy makes a reader when it is read: a head must not wait for the body.
func lazy(open func() (io.Reader, error)) io.Reader { return &opened{open: open} }

type opened struct {
	open func() (io.Reader, error)
	r    io.Reader
}

func (o *opened) Read(p []byte) (int, error) {
	if o.r == nil {
		r, err := o.open()
		if err != nil {
			return 0, err
		}
		o.r = r
	}
	return o.r.Read(p)
}
