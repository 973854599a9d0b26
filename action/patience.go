package action

import (
	"context"
	"time"
)

type patienceKey struct{}

// WithPatience says until when a client waits for an answer before it gives up;
// then it is better told to come back.
func WithPatience(ctx context.Context, until time.Time) context.Context {
	return context.WithValue(ctx, patienceKey{}, until)
}

// Patience gives until when the client of ctx waits, if that is known.
func Patience(ctx context.Context) (until time.Time, ok bool) {
	until, ok = ctx.Value(patienceKey{}).(time.Time)
	return until, ok
}
