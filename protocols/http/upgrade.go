package http

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http/mark"
	"sallyport.dev/sallyport/protocols/http/normal"
	"sallyport.dev/sallyport/protocols/http/origin"
)

// switched hands the connection over after a WebSocket handshake that was asked
// for, and counts the bytes until it is over.
func (t *transfer) switched(ctx context.Context, resp *http.Response) error {
	up := resp.Header["Upgrade"]
	if !t.Facts.WebSocket || len(up) != 1 || !strings.EqualFold(up[0], "websocket") {
		return fmt.Errorf("%w: it switches protocols unasked", errAnswer)
	}
	far, err := t.leak.Socket(resp.Header, t.l.Stream(), t.used)
	if err != nil {
		return err
	}
	conn, rw, err := t.rc.Hijack()
	if err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	t.began = true
	defer conn.Close()
	conn.SetDeadline(time.Time{}) //nolint:errcheck // the relay sets its own
	normal.Response(resp.Header)
	t.leak.Fields(resp.Header)
	t.reply.Head(resp.Header)
	t.reply.End(nil)
	if _, err := conn.Write(origin.Switched(resp.Header)); err != nil {
		return fmt.Errorf("to the agent: %w", err)
	}
	t.res.Received -= int64(t.l.Waiting()) // the relay counts them
	near := mark.Messages(t.site.flow.Placeholders, protocols.Rewind(conn, rw.Reader))
	n, err := t.site.p.relay.Run(ctx, near, t.meter.Socket(resp.Header, far, t.site.p.prices))
	t.sent += n.Sent
	t.res.Received += n.Received
	if protocols.IsPanic(err) || err != nil && context.Cause(ctx) == nil && n.Received+n.Sent == 0 {
		return fmt.Errorf("after the handshake: %w", err)
	}
	if err != nil {
		t.res.Err = err.Error()
	}
	return nil
}
