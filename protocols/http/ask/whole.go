package ask

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"sallyport.dev/sallyport/protocols/http/normal"
	"sallyport.dev/sallyport/protocols/http/page"
)

func (a *Ask) scheme() string {
	if a.Secure {
		return "https"
	}
	return "http"
}

// Content is a body that was taken in whole. It is read from its beginning.
type Content struct {
	Size int64
	All  io.Reader
}

// Bytes is the content of a body in memory.
func Bytes(b []byte) Content { return Content{Size: int64(len(b)), All: bytes.NewReader(b)} }

// Whole sets the digest, the sample and the likeness of the action, of everything
// that is sent on the agent's behalf: the request line, header, trailer and body.
func (a *Ask) Whole(header, trailer http.Header, body Content) error {
	var near head
	sum, err := a.digest(header, trailer, io.TeeReader(body.All, &near))
	if err != nil {
		return err
	}
	a.Act.Digest = sum
	a.Act.Sample, a.Act.Hidden = a.sample(header, trailer, near.b, body.Size)
	a.Act.Alike = a.alike()
	return nil
}

// Same fails unless what is about to be sent is what the digest was made of.
func (a *Ask) Same(header, trailer http.Header, body Content) error {
	sum, err := a.digest(header, trailer, body.All)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(sum, a.Act.Digest) != 1 {
		return fmt.Errorf("the request is not the one that was approved")
	}
	return nil
}

// digest is the SHA-256 of a request: of its line, of the fields that matter, of
// its body.
func (a *Ask) digest(header, trailer http.Header, body io.Reader) ([]byte, error) {
	h := sha256.New()
	upgrade := ""
	if a.Facts.WebSocket {
		upgrade = "websocket"
	}
	for _, s := range []string{a.Facts.Method, a.scheme(), a.HostPort, a.Target(), upgrade} {
		writeString(h, s)
	}
	for _, fields := range []http.Header{header, trailer} {
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if incidental(name) {
				continue
			}
			for _, v := range fields[name] {
				writeString(h, name)
				writeString(h, v)
			}
		}
		writeString(h, "")
	}
	if _, err := io.Copy(h, body); err != nil {
		return nil, fmt.Errorf("read the body again: %w", err)
	}
	return h.Sum(nil), nil
}

// writeString frames s by its length, so that no two requests write the same.
func writeString(h hash.Hash, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	io.WriteString(h, s) //nolint:errcheck // a hash takes everything
}

// incidental names the fields by which clients number and trace their attempts:
// they differ from one retry to the next and say nothing about what a request does.
func incidental(name string) bool {
	switch name {
	case "User-Agent", "Accept-Encoding", "Accept-Language", "Accept-Charset", "Connection", "Content-Length", "Te", "Date",
		"Traceparent", "Tracestate", "Baggage", "Sentry-Trace", "B3", "Request-Id", "X-Request-Id", "X-Correlation-Id",
		"X-Amzn-Trace-Id", "X-Cloud-Trace-Context", "Idempotency-Key", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "X-Retry-Count":
		return true
	}
	return strings.HasPrefix(name, "X-Stainless-") || strings.HasPrefix(name, "X-B3-") || strings.HasPrefix(name, "X-Datadog-")
}

// A head keeps the beginning of what is written to it.
type head struct{ b []byte }

func (h *head) Write(b []byte) (int, error) {
	if room := page.BodyRoom - len(h.b); room > 0 {
		h.b = append(h.b, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

// sample is what a person who is asked gets to read, and how many bytes of the
// request it leaves out.
func (a *Ask) sample(header, trailer http.Header, near []byte, size int64) ([]byte, int64) {
	var p page.Page
	url := a.Facts.Method + " " + a.scheme() + "://" + a.HostPort + a.Path
	if a.Query != "" {
		url += "?" + normal.MaskQuery(a.Query, masked, normal.SecretName)
	}
	p.URL(url)
	if a.Facts.WebSocket {
		p.Say("header Upgrade: websocket")
	}
	p.Fields("header ", header)
	p.Fields("trailer ", trailer)
	p.Body(near, size)
	return p.Text()
}
