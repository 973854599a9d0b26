package http

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"sallyport.dev/sallyport/protocols/http/ask"
	"sallyport.dev/sallyport/protocols/http/normal"
)

const (
	maxInformal     = 16 // 1xx answers before the final one
	maxAnswerFields = 512
	stallTimeout    = time.Minute          // for an agent that takes no more bytes
	pumpGrace       = 2 * time.Millisecond // for the pump to notice that it is done
	pumpEnd         = 2 * time.Second      // likewise, where nothing is left for it to read
)

var errAnswer = errors.New("the answer cannot be understood")

// firstAnswer reads heads until the final one, and relays hints on the way.
func (t *transfer) firstAnswer() (*http.Response, error) {
	for range maxInformal {
		resp, err := t.l.ReadHead(t.r)
		if err != nil {
			return nil, err
		}
		if resp.ProtoMajor != 1 || resp.StatusCode < 100 || resp.StatusCode > 599 {
			return nil, fmt.Errorf("%w: %q", errAnswer, resp.Proto+" "+resp.Status)
		}
		if n := ask.FieldCount(resp.Header); n > maxAnswerFields {
			return nil, fmt.Errorf("%w: %d fields", errAnswer, n)
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			t.res.Status = resp.Status[:3]
			return resp, nil
		}
		t.hint(resp)
	}
	return nil, fmt.Errorf("%w: more than %d informational heads", errAnswer, maxInformal)
}

// hint relays 100 and 103 to agents that know of them.
func (t *transfer) hint(resp *http.Response) {
	code := resp.StatusCode
	if code != http.StatusEarlyHints && code != http.StatusContinue || !t.r.ProtoAtLeast(1, 1) {
		return
	}
	h := t.w.Header()
	if code == http.StatusEarlyHints {
		normal.Response(resp.Header)
		t.leak.Fields(resp.Header)
		maps.Copy(h, resp.Header)
	}
	t.w.WriteHeader(code)
	clear(h)
}

// relay passes a final answer on. Its body goes out as it comes in: each read is
// flushed unless more is already here, so that a small answer leaves in one piece
// with its head.
func (t *transfer) relay(resp *http.Response) error {
	h := t.w.Header()
	normal.Response(resp.Header)
	if err := t.leak.Answer(resp, t.r.Method == http.MethodHead); err != nil {
		return err
	}
	t.meter.Answer(resp, ask.MediaType(resp.Header))
	maps.Copy(h, resp.Header)
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // net/http would guess one
	}
	if resp.StatusCode == http.StatusNoContent {
		delete(h, "Content-Length")
	}
	for name := range resp.Trailer {
		if normal.Trailer(name) {
			h.Add("Trailer", name)
		}
	}
	if t.last || t.r.ProtoMajor == 1 && t.body != nil && !t.bodySoonSent() {
		h.Set("Connection", "close")
	}
	t.reply.Head(resp.Header)
	t.began = true
	t.w.WriteHeader(resp.StatusCode)
	if t.r.Method != http.MethodHead && resp.Body != http.NoBody {
		if err := t.relayBody(resp); err != nil {
			return err
		}
	}
	t.leak.Fields(resp.Trailer)
	// What comes unannounced is dropped.
	for name, values := range resp.Trailer {
		if len(values) > 0 && normal.Trailer(name) && ask.Token(h["Trailer"], name) {
			h[name] = values
			continue
		}
		delete(resp.Trailer, name)
	}
	t.reply.End(resp.Trailer)
	return nil
}

// bodySoonSent is bodySent with a moment's patience: most origins answer when they
// have the last byte, before the pump has returned from writing it. A pump that has read
// all is waited for longer, once: on a busy machine it takes that long to end, and a
// connection, a link and what the record keeps of the body would be given up for that.
func (t *transfer) bodySoonSent() bool {
	if t.bodySent() {
		return true
	}
	if t.over {
		return false
	}
	grace := pumpGrace
	if t.all.Swap(false) {
		grace = pumpEnd
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case t.bodyErr = <-t.body:
		t.over = true
		return t.bodyErr == nil
	case <-timer.C:
		return t.bodySent()
	}
}

func (t *transfer) relayBody(resp *http.Response) error {
	buf := t.site.p.copies.Take()
	defer t.site.p.copies.Give(buf)
	events := strings.HasPrefix(ask.MediaType(resp.Header), "text/event-stream")
	left := resp.ContentLength
	if left < 0 && t.l.Waiting() == 0 {
		t.rc.Flush() //nolint:errcheck // the next write tells
	}
	for {
		if err := t.l.RenewRead(); err != nil {
			return err
		}
		n, rerr := resp.Body.Read(buf[:])
		left -= int64(n)
		werr := t.pass(buf[:n], rerr == nil && left != 0 && (events || t.l.Waiting() == 0))
		// Behind the flush nobody waits for it. An agent that breaks off may have had
		// all of it but for a byte.
		t.meter.Write(buf[:n])
		t.reply.Write(buf[:n])
		if werr != nil {
			return fmt.Errorf("to the agent: %w", werr)
		}
		if rerr == io.EOF {
			return nil
		}
		if rerr != nil {
			return fmt.Errorf("the answer broke off: %w", rerr)
		}
	}
}

// pass hands a piece of a body on, at once where flush says so.
func (t *transfer) pass(b []byte, flush bool) error {
	if len(b) == 0 {
		return nil
	}
	if t.r.ProtoMajor != 1 {
		t.stall.Begin(t.rc, stallTimeout)
		defer t.stall.Over()
	}
	if _, err := t.w.Write(b); err != nil || !flush {
		return err
	}
	return t.rc.Flush()
}
