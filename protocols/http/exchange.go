package http

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
)

const (
	maxSample   = 4 << 10
	learnLimit  = 30 * time.Second // for the whole of a body that is to be approved
	httpsScheme = "https"
)

// An exchange is one request and its answer.
type exchange struct {
	*ask
	site *site
	w    http.ResponseWriter
	r    *http.Request

	hostport string // as it is sent in the Host field
	held     []byte // the whole body, once it was held; never nil then
	release  func() // gives back the memory of held
	began    bool   // an answer to the agent has begun
}

var _ protocols.Exchange = (*exchange)(nil)

// read makes the action of a request, or says why there is none.
func (x *exchange) read() *problem {
	r, s := x.r, x.site
	if n := fieldCount(r.Header); n > maxFields {
		return &problem{
			status: http.StatusRequestHeaderFieldsTooLarge, kind: "too-large", title: "Too many header fields",
			reason: fmt.Sprintf("The request has %d header fields; %d may stand.", n, maxFields),
		}
	}
	if r.ProtoMajor == 2 && !s.secure {
		return badRequest("HTTP/2 is spoken over TLS only")
	}
	if p := checkMethod(r.Method); p != nil {
		return p
	}
	host, port, p := agree(r.Host, s.name, s.flow.Dst)
	if p != nil {
		return p
	}
	if named := r.Header["Host"]; len(named) > 0 && (len(named) > 1 || named[0] != r.Host) {
		return misdirected("The request names two hosts.")
	}
	uri, p := target(r.RequestURI, r.Host, s.secure)
	if p != nil {
		return p
	}
	x.hostport = hostport(host, port, s.secure)
	q := received{
		method: r.Method, target: uri, host: host, header: r.Header,
		size: r.ContentLength, http2: r.ProtoMajor == 2, upgrade: websocket(r),
	}
	if x.ask, p = newAsk(s.flow.Service, q); p != nil {
		return p
	}
	if svc := s.flow.Service; svc.Injects && !svc.PlainInjection && !s.secure {
		return x.redirect()
	}
	x.act.Peer, x.act.Dst = s.flow.Peer, s.flow.Dst
	return nil
}

func fieldCount(h http.Header) int {
	n := 0
	for _, values := range h {
		n += len(values)
	}
	return n
}

// redirect sends a plain request of a service with a secret to TLS.
func (x *exchange) redirect() *problem {
	x.w.Header().Set("Location", httpsScheme+"://"+strings.TrimSuffix(x.hostport, ":80")+x.target())
	return &problem{
		status: http.StatusPermanentRedirect, kind: "tls-required", title: "TLS required",
		reason: "This service takes a credential, which does not travel in the clear.",
		next:   "Send the request to the https URL in Location.",
	}
}

// target is the path and query that are matched and sent.
func (a *ask) target() string {
	if a.query == "" {
		return a.path
	}
	return a.path + "?" + a.query
}

func (x *exchange) Action() *action.Action { return &x.act }

var errTooLarge = errors.New("the body is larger than what may be held for approval")

// Learn holds the whole request for action.Whole; this protocol has no other
// group. It waits for the agent to send its body.
func (x *exchange) Learn(ctx context.Context, need action.Need) error {
	if need&action.Whole == 0 || x.held != nil {
		return nil
	}
	limit := x.site.flow.Service.BodyInspectLimit
	if limit == 0 {
		limit = defaultHold
	}
	limit = min(limit, maxHold)
	if x.r.ContentLength > limit {
		return errTooLarge
	}
	room := x.r.ContentLength
	if room < 0 {
		room = limit
	}
	release, err := x.site.p.held.take(x.site.flow.Peer.ID, room)
	if err != nil {
		return err
	}
	x.release = release
	if err := x.hold(ctx, limit); err != nil {
		return err
	}
	x.act.Digest, x.act.Sample = x.digest(), x.sample()
	return nil
}

// hold reads the body; one byte over the limit is too large.
func (x *exchange) hold(ctx context.Context, limit int64) error {
	stop := context.AfterFunc(ctx, func() { x.deadline(-time.Second) })
	defer stop()
	x.deadline(learnLimit)
	var buf bytes.Buffer
	n, err := buf.ReadFrom(io.LimitReader(x.r.Body, limit+1))
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if n > limit {
		return errTooLarge
	}
	x.noDeadline()
	x.held = buf.Bytes()
	if x.held == nil {
		x.held = []byte{}
	}
	return nil
}

// digest covers everything of the request that Forward sends on the agent's behalf.
func (x *exchange) digest() []byte {
	h := sha256.New()
	for _, s := range []string{x.facts.Method, x.scheme(), x.hostport, x.target()} {
		writeString(h, s)
	}
	for _, header := range []http.Header{x.r.Header, x.trailer()} {
		names := make([]string, 0, len(header))
		for name := range header {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			for _, v := range header[name] {
				writeString(h, name)
				writeString(h, v)
			}
		}
		writeString(h, "")
	}
	h.Write(x.held)
	return h.Sum(nil)
}

// writeString frames s by its length, so that no two requests write the same.
func writeString(h hash.Hash, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	io.WriteString(h, s) //nolint:errcheck // a hash takes everything
}

func (x *exchange) scheme() string {
	if x.site.secure {
		return httpsScheme
	}
	return "http"
}

// sample is what a person who is asked gets to read.
func (x *exchange) sample() []byte {
	var b strings.Builder
	b.WriteString(x.facts.Method + " " + x.scheme() + "://" + x.hostport + x.path)
	for i, f := range x.facts.Query {
		b.WriteByte("?&"[min(i, 1)])
		if f.Hidden {
			b.WriteString(f.Name + "=[hidden]")
			continue
		}
		b.WriteString(f.Name + "=" + strings.Join(f.Values, "&"+f.Name+"="))
	}
	if x.facts.QueryUnclear {
		b.WriteString("?[cannot be read]")
	}
	b.WriteString("\n")
	if ct := x.facts.ContentType; ct != "" {
		b.WriteString("Content-Type: " + ct + "\n")
	}
	b.WriteString("\n")
	if room := maxSample - b.Len(); room > 0 {
		b.Write(x.held[:min(len(x.held), room)])
	}
	s := b.String()
	s = strings.ToValidUTF8(s[:min(len(s), maxSample)], string(utf8.RuneError))
	return []byte(s)
}

// deadline gives the agent d to send more of its body; a body that is over, or
// was never there, is left alone, since net/http watches it for the hang-up.
func (x *exchange) deadline(d time.Duration) {
	if x.r.ContentLength == 0 {
		return
	}
	http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(d)) //nolint:errcheck // without deadlines the connection's own limits hold
}

func (x *exchange) noDeadline() {
	if x.r.ContentLength != 0 {
		http.NewResponseController(x.w).SetReadDeadline(time.Time{}) //nolint:errcheck // see deadline
	}
}

// done gives back what the exchange holds.
func (x *exchange) done() {
	if x.release != nil {
		x.release()
		x.release = nil
	}
}
