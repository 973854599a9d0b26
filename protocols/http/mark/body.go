package mark

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"sallyport.dev/sallyport/protocols/http/content"
	"sallyport.dev/sallyport/vault/placeholder"
)

const (
	firstKept = 4 << 10
	pouring   = 32 << 10 // what is read at once of what a coding hides
)

// Body looks at a body as it is read. One with a coding is kept up to limit, as far as
// there is room, and looked at without its coding when no more of it comes; over says
// that nobody reads it any more.
func Body(w *placeholder.Watch, r *http.Request, limit int64, room Room) (over func()) {
	if w == nil || r.Body == nil || r.ContentLength == 0 {
		return func() {}
	}
	b := &body{ReadCloser: r.Body, r: r, w: w, stream: w.Stream("body"), limit: limit, room: room}
	b.coding = strings.Join(r.Header["Content-Encoding"], ",")
	b.coded = b.coding != "" && !strings.EqualFold(b.coding, "identity") && r.ContentLength <= limit
	r.Body = b
	return b.end
}

// A body is looked at by whoever reads it.
type body struct {
	io.ReadCloser
	r      *http.Request
	w      *placeholder.Watch
	stream placeholder.Stream
	over   bool

	coding string
	coded  bool   // what comes is kept
	kept   []byte // that came
	limit  int64
	room   Room
	taken  []func() // gives back what kept takes
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.over {
		return n, err
	}
	b.stream.Pass(p[:n])
	b.keep(p[:n])
	if err != nil {
		b.end()
	}
	if errors.Is(err, io.EOF) {
		trailer(b.w, b.r.Trailer)
	}
	return n, err
}

// keep takes what came of a body with a coding.
func (b *body) keep(p []byte) {
	if !b.coded || len(p) == 0 {
		return
	}
	need := len(b.kept) + len(p)
	if int64(need) > b.limit {
		b.forget()
		return
	}
	if need > cap(b.kept) {
		larger := max(need, min(max(2*cap(b.kept), firstKept), int(b.limit)))
		if !b.take(int64(larger - cap(b.kept))) {
			return
		}
		b.kept = append(make([]byte, 0, larger), b.kept...)
	}
	b.kept = append(b.kept, p...)
}

// take reserves memory; where there is none, the body is not kept.
func (b *body) take(n int64) bool {
	release, err := b.room.Take(n)
	if err != nil {
		b.forget()
		return false
	}
	b.taken = append(b.taken, release)
	return true
}

// forget gives back what was kept.
func (b *body) forget() {
	for _, release := range b.taken {
		release()
	}
	b.coded, b.kept, b.taken = false, nil, nil
}

// end looks at what was kept, unless that was done.
func (b *body) end() {
	if b.over {
		return
	}
	b.over = true
	b.stream.End()
	if len(b.kept) > 0 && b.take(content.Window(b.coding)+pouring) {
		plain := b.w.Stream("body")
		content.Pour(looker{&plain}, b.coding, b.kept)
		plain.End()
	}
	b.forget()
}

// A looker looks at what is written to it.
type looker struct{ s *placeholder.Stream }

func (l looker) Write(p []byte) (int, error) {
	l.s.Pass(p)
	return len(p), nil
}
