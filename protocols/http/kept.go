package http

import "io"

// A tap copies a body as it goes by, for the record; of one that is larger than
// most bytes it has nothing.
type tap struct {
	io.Reader
	most  int64
	got   []byte
	large bool
	ended bool
}

func (t *tap) Read(b []byte) (int, error) {
	n, err := t.Reader.Read(b)
	switch {
	case t.large:
	case int64(len(t.got)+n) > t.most:
		t.large, t.got = true, nil
	default:
		t.got = append(t.got, b[:n]...)
	}
	t.ended = t.ended || err == io.EOF
	return n, err
}

// watch taps a body that the record may hold, if there is memory for it.
func (t *transfer) watch(src io.Reader) io.Reader {
	most := t.Act.Service.RecordBodies
	if most == 0 || t.isWhole() || t.r.ContentLength == 0 || t.r.ContentLength > most || t.Facts.WebSocket {
		return src
	}
	if t.reserve(most) != nil {
		return src
	}
	t.tap = &tap{Reader: src, most: most}
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
	case x.tap != nil && x.tap.ended && !x.tap.large:
		x.Keep(x.r.Header, x.tap.got)
	}
}
