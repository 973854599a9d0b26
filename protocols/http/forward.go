package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http/entry"
	"sallyport.dev/sallyport/protocols/http/leak"
	"sallyport.dev/sallyport/protocols/http/meter"
	"sallyport.dev/sallyport/protocols/http/origin"
	"sallyport.dev/sallyport/protocols/http/refusal"
	"sallyport.dev/sallyport/protocols/http/reply"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/scrub"
)

const (
	smallBody  = 8 << 10 // leaves with the head
	bodyIdle   = 2 * time.Minute
	bodyFloor  = 1 << 10          // bytes a second of a body of stated size
	floorGrace = 30 * time.Second // before it is looked at
)

// A transfer is one allowed request on its way over one link.
type transfer struct {
	*exchange
	l     *origin.Link
	leak  leak.Guard
	used  func() *scrub.Matcher // what leak looks for, as it stands when it is asked
	rc    *http.ResponseController
	stall entry.Stall // of HTTP/2
	res   action.Result
	sent  int64       // bytes written; the pump's until it is over
	body  chan error  // the result of the pump; nil without one
	all   atomic.Bool // the pump has read the whole body, and is worth to be waited for, once

	meter *meter.Meter // of what a model takes; nil: none answers
	reply *reply.Taker // for the record; nil: it keeps no answers
	auth  origin.Injection

	over    bool  // the pump has ended
	bodyErr error // what came out of body
}

// Forward sends the request as it was judged, with the service's credential in
// place, and relays the answer as it comes.
func (x *exchange) Forward(ctx context.Context, up protocols.Upstream) (action.Result, error) {
	start := time.Now()
	t := &transfer{exchange: x, rc: http.NewResponseController(x.w)}
	err := t.run(ctx, up)
	t.keepBody()
	t.res.Answer = t.reply.Answer(t.reserve)
	t.res.Usage = t.meter.Bill(t.Facts.Call, t.sent, t.res.Failed, t.site.p.prices)
	t.res.Duration = time.Since(start)
	return t.res, err
}

// run returns an error only if the agent's connection cannot go on.
func (t *transfer) run(ctx context.Context, up protocols.Upstream) error {
	if err := t.approved(); err != nil {
		return t.failed(err)
	}
	if err := t.askUsage(ctx); err != nil {
		return t.failed(fmt.Errorf("%w: %w", errAgentBody, err))
	}
	cred, err := t.link(ctx, up)
	if err != nil {
		return t.failed(err)
	}
	t.res.Upstream = t.l.Addr()
	if t.used = cred.Used; cred != nil {
		t.leak.Watch(t.used())
	}
	if t.site.flow.Placeholders != nil {
		t.leak.Heard()
	}
	head, err := t.head(ctx, cred)
	if err != nil {
		t.l.Free()
		return t.failed(err)
	}
	t.res.Injected = cred != nil
	if err := t.use(ctx, head); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w (%w)", cause, err)
		}
		return t.failed(err)
	}
	return nil
}

// use carries the exchange over the link and gives it back, or ends it when
// anything was not as it should be.
func (t *transfer) use(ctx context.Context, head []byte) (err error) {
	reusable := false
	stop := protocols.After(ctx, t.l.Kill)
	before := t.l.Received()
	defer func() {
		t.res.Sent, t.res.Received = t.sent, t.res.Received+t.l.Received()-before
		if kept := stop(); kept && reusable && err == nil {
			t.l.Free()
			return
		}
		t.l.Drop()
		t.l.Kill()
	}()
	reusable, err = t.exchangeOver(ctx, head)
	return err
}

// link takes a link whose origin is still there. Dead ones are put away before a
// byte of the request was written.
func (t *transfer) link(ctx context.Context, up protocols.Upstream) (*vault.Credential, error) {
	// An agent that speaks without TLS wants the port that speaks without TLS.
	open := t.site.p.origins.Open(t.site.Service.Plaintext || !t.Secure)
	for {
		got, cred, err := up.Link(ctx, open)
		if err != nil {
			return nil, err
		}
		l, ok := got.(*origin.Link)
		if !ok {
			return nil, fmt.Errorf("the pool gave a link of another protocol: %T", got)
		}
		if l.Ready() {
			t.l = l
			return cred, nil
		}
		l.Kill()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// failed answers 502; an answer that has begun must be seen not to be whole.
func (t *transfer) failed(err error) error {
	t.res.Failed, err = true, t.leak.Error(err)
	t.res.Err = err.Error()
	if t.began {
		return err
	}
	p := refusal.Unreachable(t.Act.ID, protocols.Cause(err))
	if errors.Is(err, vault.ErrNotFound) {
		p = refusal.Penniless(t.Act.ID)
	}
	if errors.Is(err, vault.ErrUnshown) {
		p = refusal.Unshown(t.Act.ID)
	}
	if errors.Is(err, errAgentBody) {
		p = refusal.Unclear("the body ended before it was whole")
		p.ID = t.Act.ID
	}
	t.res.Status = strconv.Itoa(p.Status)
	t.answer(p)
	return nil
}

// exchangeOver writes the request and relays the answer. It reports whether the
// link may carry another exchange.
func (t *transfer) exchangeOver(ctx context.Context, head []byte) (reusable bool, err error) {
	// Whatever comes, the pump must not see the exchange end before itself.
	defer t.stopBody() //nolint:errcheck // asked for below where it matters
	werr := t.send(head)
	if errors.Is(werr, errAgentBody) {
		return false, werr
	}
	resp, err := t.firstAnswer()
	if err != nil {
		if stopErr := t.stopBody(); errors.Is(stopErr, errAgentBody) {
			err = stopErr
		}
		return false, errors.Join(werr, err)
	}
	t.reply = reply.Of(t.Act.Service.RecordBodies, resp.Header, t.reserve)
	t.reply.Hide(t.auth.Short)
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return false, t.switched(ctx, resp)
	}
	if err := t.relay(resp); err != nil {
		return false, err
	}
	early := !t.bodySoonSent() // the origin did not want the rest
	return werr == nil && !early && !resp.Close && resp.ProtoMinor == 1, nil
}

// head writes the request line and fields, with what the credential sets in place
// of anything the agent put there. The caller sends and returns it.
func (t *transfer) head(ctx context.Context, cred *vault.Credential) ([]byte, error) {
	auth, err := t.authorize(ctx, cred)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	t.auth = auth
	b := t.site.p.heads.Take()
	b = append(b, t.Facts.Method...)
	b = append(b, ' ')
	b = append(b, t.Path...)
	if query := auth.Query(t.Query); query != "" {
		b = append(b, '?')
		b = append(b, query...)
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, t.HostPort...)
	b = append(b, "\r\n"...)
	for name, values := range t.r.Header {
		for _, v := range t.leak.Sent(name, auth.Field(name, values)) {
			b = origin.AppendField(b, name, v)
		}
	}
	for name, values := range auth.Header {
		for _, v := range values {
			b = origin.AppendField(b, name, v)
		}
	}
	b = t.framing(b)
	return append(b, "\r\n"...), nil
}

// framing says how long the body is, and what belongs to this connection.
func (t *transfer) framing(b []byte) []byte {
	switch n := t.length(); {
	case t.Facts.WebSocket:
		return append(b, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	case n < 0:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
		for name := range t.trailer() {
			b = origin.AppendField(b, "Trailer", name)
		}
	case n > 0, t.Facts.Method == http.MethodPost, t.Facts.Method == http.MethodPut, t.Facts.Method == http.MethodPatch:
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, n, 10)
		b = append(b, "\r\n"...)
	}
	if len(t.r.Header["Te"]) > 0 {
		b = append(b, "Connection: TE\r\n"...)
	}
	return b
}

// length of the body as it is sent; -1 in chunks.
func (t *transfer) length() int64 {
	switch {
	case len(t.announced) > 0:
		return -1
	case t.isWhole():
		return t.whole().Size
	}
	return t.r.ContentLength
}

var (
	errAgentBody = errors.New("the agent's body broke off")
	errSlowBody  = errors.New("it came too slowly")
)

// send writes the head, a small body with it, and starts the pump for any other.
func (t *transfer) send(head []byte) error {
	n := t.length()
	var src io.Reader = t.r.Body
	if t.isWhole() {
		src = t.whole().All
	}
	src = t.watch(src)
	whole := n >= 0 && n <= smallBody
	if whole && n > 0 {
		start := len(head)
		head = append(head, make([]byte, n)...)
		if err := t.readSmall(src, head[start:]); err != nil {
			t.site.p.heads.Give(head)
			return fmt.Errorf("%w: %w", errAgentBody, err)
		}
	}
	written, err := t.l.Write(head)
	t.sent += int64(written)
	t.site.p.heads.Give(head)
	if err != nil || whole {
		return err
	}
	if t.r.ProtoMajor == 1 {
		t.rc.EnableFullDuplex() //nolint:errcheck // HTTP/1.1 of net/http can
	}
	t.body = make(chan error, 1)
	go t.pump(src, n < 0)
	return nil
}

// readSmall fills b with the whole body.
func (t *transfer) readSmall(src io.Reader, b []byte) error {
	if t.isWhole() {
		_, err := io.ReadFull(src, b)
		return err
	}
	t.deadline(bodyIdle)
	if _, err := io.ReadFull(src, b); err != nil {
		return err
	}
	// net/http watches for the hang-up once it has seen the end of the body.
	var one [1]byte
	src.Read(one[:]) //nolint:errcheck // there is nothing more: it ends or was broken
	t.noDeadline()
	return nil
}
