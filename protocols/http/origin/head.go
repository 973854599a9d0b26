package origin

import (
	"net/http"
	"strconv"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// Sizes of the buffers for heads.
const (
	headUsual = 4 << 10
	headMost  = 32 << 10 // what is larger is not kept
)

// Heads lends buffers for the heads of requests. Its zero value is ready.
type Heads struct{ pool sync.Pool }

// Take lends an empty buffer.
func (h *Heads) Take() []byte {
	if b, ok := h.pool.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, headUsual)
}

// Give takes a buffer back, and wipes it: a head holds a credential.
func (h *Heads) Give(b []byte) {
	if cap(b) <= headMost {
		b = b[:cap(b)]
		clear(b)
		h.pool.Put(&b)
	}
}

// AppendField appends one field of a head.
func AppendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// Switched is the head of an answer that hands a connection over to a WebSocket, with
// what of the fields may stand in one.
func Switched(h http.Header) []byte {
	b := []byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
	for name, values := range h {
		for _, v := range values {
			if httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(v) {
				b = AppendField(b, name, v)
			}
		}
	}
	return append(b, "\r\n"...)
}

// Room in a buffer around the bytes of a chunk, for its length and its end (RFC
// 9112, 7.1).
const (
	ChunkBefore = 16
	ChunkAfter  = 2
)

// Chunk frames the n bytes that stand in buf behind ChunkBefore.
func Chunk(buf []byte, n int) []byte {
	var digits [ChunkBefore]byte
	size := append(strconv.AppendInt(digits[:0], int64(n), 16), "\r\n"...)
	start := ChunkBefore - len(size)
	copy(buf[start:], size)
	copy(buf[ChunkBefore+n:], "\r\n")
	return buf[start : ChunkBefore+n+ChunkAfter]
}
