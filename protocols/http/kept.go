package http

import (
	"io"

	"sallyport.dev/sallyport/protocols/http/tap"
)

// watch taps a body that the record may hold, if there is memory for it.
func (t *transfer) watch(src io.Reader) io.Reader {
	most := t.Act.Service.RecordBodies
	if most == 0 || t.isWhole() || t.r.ContentLength == 0 || t.r.ContentLength > most || t.Facts.WebSocket {
		return src
	}
	if t.reserve(most) != nil {
		return src
	}
	t.tap = tap.New(src, most)
	return t.tap
}

// keepBody puts the body into the record, if it may stand there and all of it was
// seen. No fact changes by it.
func (x *exchange) keepBody() {
	most := x.Act.Service.RecordBodies
	switch {
	case most == 0:
	case x.isWhole() && x.whole().Size <= most:
		if body, err := io.ReadAll(x.whole().All); err == nil {
			x.Keep(x.r.Header, body)
		}
	case x.tap != nil:
		if body, ok := x.tap.Whole(); ok {
			x.Keep(x.r.Header, body)
		}
	}
}
