package entry

import (
	"net/http"
	"sync"
	"time"
)

// A Stall ends a stream of HTTP/2 whose agent takes no more bytes: it may leave them no
// window, on a connection that lives. net/http ends such connections of HTTP/1 only, by
// a deadline that it would also hold against a stream on which nothing is to be said.
// The zero Stall is ready; it belongs to one answer.
type Stall struct {
	rc    *http.ResponseController
	timer *time.Timer

	mu      sync.Mutex
	writing bool // guarded by mu
}

// Begin is called before bytes are written, which may take so long.
func (s *Stall) Begin(rc *http.ResponseController, most time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = true
	if s.timer == nil {
		s.rc, s.timer = rc, time.AfterFunc(most, s.end)
		return
	}
	s.timer.Reset(most)
}

// Over is called when they are written, or not. Nothing is ended after it.
func (s *Stall) Over() {
	s.timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = false
}

// end resets the stream, on which somebody waits.
func (s *Stall) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing {
		s.rc.SetWriteDeadline(time.Unix(1, 0)) //nolint:errcheck // without it nothing ends
	}
}
