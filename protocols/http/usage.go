package http

import (
	"context"
	"errors"

	"sallyport.dev/sallyport/protocols/http/meter"
	"sallyport.dev/sallyport/protocols/http/room"
	"sallyport.dev/sallyport/protocols/http/stash"
)

// askUsage has a model's answer read, and where the service wants that, asked to say
// what it took. What was approved goes as it is, and so does what cannot be held.
func (t *transfer) askUsage(ctx context.Context) error {
	if t.meter = meter.Of(t.Act.Service, t.r.Method, t.Path, t.Facts.WebSocket); t.meter == nil {
		return nil
	}
	t.leak.Plain()
	if t.Act.Digest != nil || !t.meter.Asks() {
		return nil
	}
	err := t.take(ctx)
	if errors.Is(err, stash.ErrTooLarge) || errors.Is(err, room.ErrNone) {
		return nil
	}
	if err == nil && t.kept == nil {
		t.held = t.meter.Ask(t.r.Header, t.held)
	}
	return err
}
