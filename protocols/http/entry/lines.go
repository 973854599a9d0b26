package entry

import (
	"log"
	"log/slog"
	"net/http"
	"time"

	"sallyport.dev/sallyport/protocols/http/room"
)

const (
	// calm is how many connections of HTTP/2 an agent has that is no worry.
	calm = 16
	// landing bounds how long an answer may wait for the agent to take it.
	landing = time.Minute
)

// Lines are the connections of HTTP/2 of each agent. An answer that the agent leaves no
// window waits in net/http when its handler has returned, as one of a hundred on each
// connection, and is counted nowhere: over all connections of one agent that would come
// to half a GiB.
type Lines struct{ open room.Openings }

// Enter counts a connection of a peer if it is one of HTTP/2, until leave.
func (l *Lines) Enter(peer string, h2 bool) (leave func()) {
	if !h2 || !l.open.Enter(peer) {
		return func() {}
	}
	return func() { l.open.Leave(peer) }
}

// Land ends the handler of a request, which is counted among those that are open or is
// one too many. Where its peer has many connections, the answer leaves while it is
// counted; that of one too many is reset.
func (l *Lines) Land(peer string, w http.ResponseWriter, r *http.Request, counted bool) {
	if r.ProtoMajor == 1 || l.open.Open(peer) <= calm {
		return
	}
	if !counted {
		panic(http.ErrAbortHandler)
	}
	var s Stall
	rc := http.NewResponseController(w)
	s.Begin(rc, landing)
	defer s.Over()
	rc.Flush() //nolint:errcheck // a stream that has ended is gone, too
}

// ErrorLog carries what net/http complains about. That agents write nonsense or go away
// is not news, so it is for debugging only; l may be nil.
func ErrorLog(l *slog.Logger) *log.Logger {
	h := slog.DiscardHandler
	if l != nil {
		h = l.Handler()
	}
	return slog.NewLogLogger(h, slog.LevelDebug)
}
