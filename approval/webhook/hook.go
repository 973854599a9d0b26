package webhook

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"sallyport.dev/sallyport/approval"
)

const (
	queueLen    = 256 // messages that wait for one receiver; more are dropped, and said to be
	maxAttempts = 12  // with the pauses between them, some five minutes
	firstPause  = time.Second
	maxPause    = 30 * time.Second
	callTimeout = 10 * time.Second
)

// A Hook tells one receiver. New makes one, Close ends it.
type Hook struct {
	url    string
	secret func() ([]byte, error) // asked for every message, so that a new value counts at once
	mask   func(string) string
	client *http.Client
	log    *slog.Logger
	now    func() time.Time
	queue  chan letter
	stop   context.CancelFunc
	work   sync.WaitGroup

	mu sync.Mutex
	at Standing // guarded by mu
}

// A Standing is how the last messages to a receiver went.
type Standing struct {
	Delivered time.Time
	Problem   string    // with the last one; "": none
	Since     time.Time // of the problem
}

// Standing tells how the last messages went.
func (h *Hook) Standing() Standing {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

// went notes how a message went.
func (h *Hook) went(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch now := h.now().UTC(); {
	case err == nil:
		h.at = Standing{Delivered: now}
	case h.at.Problem == "":
		h.at.Problem, h.at.Since = err.Error(), now
	default:
		h.at.Problem = err.Error()
	}
}

// Try posts a message that says it is a trial, once, and tells how that went.
func (h *Hook) Try(ctx context.Context) error {
	body, err := json.Marshal(map[string]any{"type": "test", "timestamp": h.now().UTC()})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	err = h.post(ctx, "msg_"+rand.Text(), body)
	h.went(err)
	return err
}

var _ approval.Channel = (*Hook)(nil)

// New makes a hook that posts to url, signed with the secret, and reaches it by
// client only; redirects are refused. Texts of an agent go out as mask leaves them.
func New(url string, secret func() ([]byte, error), mask func(string) string, client *http.Client, log *slog.Logger) *Hook {
	own := *client
	own.Timeout = callTimeout
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h := &Hook{url: url, secret: secret, mask: mask, client: &own, log: log, now: time.Now, queue: make(chan letter, queueLen)}
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	h.work.Go(func() { h.run(ctx) })
	return h
}

// A letter is a message that waits. It is written when its turn comes.
type letter struct {
	kind  string
	id    string    // of what it is about, for the log
	until time.Time // it is of no use later; zero: it always is
	write func(*Message)
}

// Tell queues an event. It never waits: what does not fit is dropped, and logged.
func (h *Hook) Tell(_ context.Context, e approval.Event) {
	l := letter{kind: "approval." + string(e.Kind), id: e.Request.ID, write: func(m *Message) { m.Approval = e.Request.Masked(h.mask) }}
	if e.Kind == approval.Asked {
		l.until = e.Request.Expires
	}
	h.enqueue(l)
}

// Alert queues a message of type "alert" that says v, which is masked already. Like
// Tell it never waits.
func (h *Hook) Alert(v any) {
	h.enqueue(letter{kind: "alert", write: func(m *Message) { m.Alert = v }})
}

func (h *Hook) enqueue(l letter) {
	select {
	case h.queue <- l:
	default:
		h.log.Warn("a webhook is not told: its receiver is too slow", "id", l.id, "type", l.kind)
	}
}

// Close ends the deliveries and waits for them.
func (h *Hook) Close() {
	h.stop()
	h.work.Wait()
}

func (h *Hook) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-h.queue:
			err := h.deliver(ctx, l)
			if ctx.Err() != nil {
				return
			}
			h.went(err)
			if err != nil {
				h.log.Warn("a webhook is not delivered", "id", l.id, "type", l.kind, "err", err)
			}
		}
	}
}

// A Message is the body of what a receiver gets.
type Message struct {
	Type     string           `json:"type"` // "approval.asked", "approval.voted", …, or "alert"
	Time     time.Time        `json:"timestamp"`
	Approval approval.Request `json:"approval,omitzero"`
	Alert    any              `json:"alert,omitempty"`
}

// errFinal means that trying again would not help.
var errFinal = errors.New("the receiver refuses it")

// deliver posts one letter until the receiver takes it, refuses it, or nobody can
// answer any more. Every attempt has the same id and a time of its own.
func (h *Hook) deliver(ctx context.Context, l letter) error {
	m := Message{Type: l.kind, Time: h.now().UTC()}
	l.write(&m)
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	id, pause := "msg_"+rand.Text(), firstPause
	for attempt := 1; ; attempt++ {
		err := h.post(ctx, id, body)
		if err == nil || errors.Is(err, errFinal) || attempt == maxAttempts {
			return err
		}
		wait := pause/2 + mrand.N(pause)
		if !l.until.IsZero() && h.now().Add(wait).After(l.until) {
			return fmt.Errorf("%w; the ask ends before the next attempt", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		pause = min(2*pause, maxPause)
	}
}

func (h *Hook) post(ctx context.Context, id string, body []byte) error {
	secret, err := h.secret()
	if err != nil {
		return fmt.Errorf("the key: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %w", errFinal, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "sallyport-webhook")
	if err := Sign(req.Header, secret, id, h.now(), body); err != nil {
		return fmt.Errorf("%w: %w", errFinal, err)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return fmt.Errorf("post to %s: %w", req.URL.Host, unreached(err))
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) //nolint:errcheck // only so that the connection can be used again
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		return fmt.Errorf("the receiver answers %d", code)
	default: // redirects, too
		return fmt.Errorf("%w: it answers %d", errFinal, code)
	}
}

// unreached leaves the address out of an error: what stands behind its host may be a
// secret.
func unreached(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
