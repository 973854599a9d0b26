package http

import (
	"fmt"
	"io"
	"time"

	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http/origin"
)

// pump sends the body as the agent sends it, and leaves its result in t.body.
// Whoever starts it calls stopBody before the exchange is over.
func (t *transfer) pump(src io.Reader, chunked bool) {
	var err error
	defer func() {
		if protocols.IsPanic(err) {
			t.site.broke(err)
			t.l.Kill()
		}
		t.body <- err
	}()
	defer protocols.Rescue(&err)
	if err = t.copyBody(src, chunked); err == nil && chunked {
		err = t.endChunks()
	}
	if err == nil {
		t.noDeadline()
	}
}

func (t *transfer) copyBody(src io.Reader, chunked bool) error {
	buf := t.site.p.copies.Take()
	defer t.site.p.copies.Give(buf)
	room := buf[origin.ChunkBefore : origin.CopySize-origin.ChunkAfter]
	var until time.Time
	start, got := time.Now(), int64(0)
	for {
		now := time.Now()
		if t.slow(got, now.Sub(start)) {
			t.l.Kill()
			return fmt.Errorf("%w: %w", errAgentBody, errSlowBody)
		}
		if !t.isWhole() && until.Sub(now) < bodyIdle/2 {
			until = now.Add(bodyIdle)
			t.deadline(bodyIdle)
		}
		n, rerr := src.Read(room)
		got += int64(n)
		if rerr == io.EOF || got == t.length() {
			t.all.Store(true)
		}
		if n > 0 {
			out := room[:n]
			if chunked {
				out = origin.Chunk(buf[:], n)
			}
			written, err := t.l.Write(out)
			t.sent += int64(written)
			if err != nil {
				return err
			}
		}
		if rerr == io.EOF {
			return nil
		}
		if rerr != nil {
			t.l.Kill()
			return fmt.Errorf("%w: %w", errAgentBody, rerr)
		}
	}
}

// slow reports whether a body whose size was stated comes slower than anything
// honest. One of unknown size may be half of a conversation.
func (t *transfer) slow(got int64, took time.Duration) bool {
	if t.isWhole() || t.r.ContentLength < 0 || took < floorGrace || got >= t.r.ContentLength {
		return false
	}
	return got < bodyFloor*int64(took/time.Second)
}

// endChunks sends the last chunk and the trailers that were declared.
func (t *transfer) endChunks() error {
	b := append(make([]byte, 0, 64), "0\r\n"...)
	for name, values := range t.trailer() {
		for _, v := range values {
			b = origin.AppendField(b, name, v)
		}
	}
	written, err := t.l.Write(append(b, "\r\n"...))
	t.sent += int64(written)
	return err
}

// bodySent reports whether the whole body went out. It does not wait.
func (t *transfer) bodySent() bool {
	if t.body == nil || t.over {
		return t.bodyErr == nil
	}
	select {
	case t.bodyErr = <-t.body:
		t.over = true
		return t.bodyErr == nil
	default:
		return false
	}
}

// stopBody ends the pump and waits for it: its link is closed, and the agent is
// given no more time.
func (t *transfer) stopBody() error {
	if !t.bodySent() && !t.over {
		t.l.Kill()
		t.deadline(-time.Second)
		t.bodyErr, t.over = <-t.body, true
	}
	return t.bodyErr
}
