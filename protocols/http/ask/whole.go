package ask

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"strings"

	"sallyport.dev/sallyport/protocols/http/argument"
	"sallyport.dev/sallyport/protocols/http/digest"
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
	a.Act.Alike = a.alike(header)
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

// digest is the SHA-256 of all that is sent on the agent's behalf, and of what is
// signed for it.
func (a *Ask) digest(header, trailer http.Header, body io.Reader) ([]byte, error) {
	upgrade := ""
	if a.Facts.WebSocket {
		upgrade = "websocket"
	}
	words := []string{a.Facts.Method, a.scheme(), a.HostPort, a.Target(), upgrade}
	if s := a.AWS; s != nil {
		words = append(words, "aws", s.Region, s.Service, s.Payload)
	}
	return digest.Of(words, header, trailer, body)
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
	p := page.Page{Signs: a.AWS != nil}
	a.before(&p, header, trailer)
	p.Body(near, size)
	behind(&p, header, trailer)
	return p.Text()
}

// Around gives what stands before and behind the body where a person reads all of a
// request.
func (a *Ask) Around(header, trailer http.Header) (head, tail []byte) {
	p := page.Page{Signs: a.AWS != nil, Full: true}
	a.before(&p, header, trailer)
	head, _ = p.Text()
	p = page.Page{Signs: a.AWS != nil, Full: true}
	behind(&p, header, trailer)
	tail, _ = p.Text()
	return head, tail
}

func (a *Ask) before(p *page.Page, header, trailer http.Header) {
	url, secret := a.Facts.Method+" "+a.scheme()+"://"+a.HostPort+a.Path, 0
	if a.Query != "" {
		shown := argument.Query(a.Query)
		url += "?" + shown
		if shown != a.Query {
			secret = max(1, len(a.Query)-len(strings.ReplaceAll(shown, argument.Masked, "")))
		}
	}
	p.URL(url, secret)
	if s := a.AWS; s != nil {
		p.Say("signed for " + s.Service + " in " + s.Region + ", payload " + cmp.Or(s.Payload, "by its hash"))
	}
	if a.Facts.WebSocket {
		p.Say("header Upgrade: websocket")
	}
	p.Fields("header ", header)
	p.Fields("trailer ", trailer)
}

func behind(p *page.Page, header, trailer http.Header) {
	p.Usual("header ", header)
	p.Usual("trailer ", trailer)
}
