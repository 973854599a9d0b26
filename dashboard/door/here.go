package door

import "net/http"

// Here is the listener that a request came by, as whoever sent it wrote it; ok is
// false for the admin socket.
func Here(r *http.Request) (url string, ok bool) {
	v, ok := visitOf(r)
	if !ok || v.entrance == nil {
		return "", false
	}
	return here(r, v.entrance), true
}
