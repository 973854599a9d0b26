// Package reading keeps what people may read of an action in full, for as long as it
// is asked about. It reads nothing itself.
package reading

import (
	"io"
	"sync"

	"sallyport.dev/sallyport/action"
)

// A Reading holds one transcript, or none. The zero Reading has none yet.
type Reading struct {
	mu      sync.Mutex
	whole   action.Transcript // guarded by mu
	release func()            // guarded by mu
	over    bool              // guarded by mu
}

// Take has a transcript stay, unless there is one already, or it is over.
func (r *Reading) Take(whole action.Transcript) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if whole == nil || r.whole != nil || r.over {
		return
	}
	if release, ok := whole.Keep(); ok {
		r.whole, r.release = whole, release
	}
}

// Here reports whether there is one.
func (r *Reading) Here() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.whole != nil
}

// Write writes it; known is false if there is none.
func (r *Reading) Write(w io.Writer) (known bool, err error) {
	r.mu.Lock()
	whole := r.whole
	r.mu.Unlock()
	if whole == nil {
		return false, nil
	}
	_, err = whole.WriteTo(w)
	return true, err
}

// End lets it go, for good.
func (r *Reading) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.release != nil {
		r.release()
	}
	r.whole, r.release, r.over = nil, nil, true
}
