package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	hookTimeout = 30 * time.Second
	// shortest is what is tried of one record that a receiver finds too large: an
	// agent that writes long requests must not hold up what comes behind them.
	shortest = 8 << 10
)

// A Hook is a Sender that posts records as lines of JSON, signed, and counts them
// as arrived when the receiver says so.
type Hook struct {
	Name   string
	URL    string
	Client *http.Client // follows nobody elsewhere
	// Sign puts the signature of a message into its headers.
	Sign func(h http.Header, id string, at time.Time, body []byte) error
	Now  func() time.Time

	done uint64
}

// Send posts a batch. The id of the message names its records, so that a receiver
// knows one that it has. A batch that is too large for the receiver goes in halves,
// one record that is in a shorter form that says what it leaves out.
func (h *Hook) Send(ctx context.Context, batch []Record) error {
	status, err := h.post(ctx, batch)
	switch {
	case err != nil:
		return err
	case status == http.StatusRequestEntityTooLarge && len(batch) > 1:
		if err := h.Send(ctx, batch[:len(batch)/2]); err != nil {
			return err
		}
		return h.Send(ctx, batch[len(batch)/2:])
	case status == http.StatusRequestEntityTooLarge && len(batch[0].Line) > shortest:
		short, err := fit(batch[0].Line, shortest)
		if err != nil {
			return fmt.Errorf("shorten record %d: %w", batch[0].Seq, err)
		}
		return h.Send(ctx, []Record{{Seq: batch[0].Seq, Line: short}})
	case status < 200 || status > 299: // redirects, too
		return fmt.Errorf("the receiver answers %d", status)
	}
	h.done = batch[len(batch)-1].Seq
	return nil
}

func (h *Hook) post(ctx context.Context, batch []Record) (status int, err error) {
	var body bytes.Buffer
	for _, r := range batch {
		body.Write(r.Line)
		body.WriteByte('\n')
	}
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body.Bytes()))
	if err != nil {
		return 0, fmt.Errorf("post: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("User-Agent", "sallyport-forward")
	id := fmt.Sprintf("rec_%s_%d_%d", h.Name, batch[0].Seq, batch[len(batch)-1].Seq)
	if err := h.Sign(req.Header, id, h.Now(), body.Bytes()); err != nil {
		return 0, fmt.Errorf("sign: %w", err)
	}
	resp, err := h.Client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("post to %s: %w", req.URL.Host, unreached(err))
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) //nolint:errcheck // only so that the connection can be used again
	return resp.StatusCode, nil
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

// Arrived gives the last record that the receiver has taken.
func (h *Hook) Arrived() (uint64, error) { return h.done, nil }

// Close lets idle connections go.
func (h *Hook) Close(context.Context) { h.Client.CloseIdleConnections() }
