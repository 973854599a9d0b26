package door

import (
	"context"
	"net/http"
)

// Here is the listener that a request came by, as whoever sent it wrote it; ok is
// false for the admin socket.
func Here(r *http.Request) (url string, ok bool) {
	v, ok := visitOf(r)
	if !ok || v.entrance == nil {
		return "", false
	}
	return here(r, v.entrance), true
}

type userKey struct{}

// WithUser adds to the context of a connection how to learn, by number, which user of
// this machine has made it. A browser sends the cookies of localhost to every port of
// it, whoever listens there: a login is worth nothing to another user.
func WithUser(ctx context.Context, user func() (uid string, ok bool)) context.Context {
	return context.WithValue(ctx, userKey{}, user)
}

// UserOf gives the user of this machine whose process a request comes from; ok is false
// where nobody can tell.
func UserOf(ctx context.Context) (uid string, ok bool) {
	if user, is := ctx.Value(userKey{}).(func() (string, bool)); is {
		return user()
	}
	return "", false
}
