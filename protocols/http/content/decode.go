package content

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
)

// Bounds of what a compressed body may become: 64 MiB of zeros are 65 KiB of gzip.
const (
	maxPlain = 8 << 20
	maxRatio = 100
	minPlain = 64 << 10 // what any body may become
)

// decode undoes one layer of Content-Encoding (RFC 9110, section 8.4). It is false
// for any other encoding, for two layers, for what grows too much, and where
// something follows that some readers take in and others leave.
func decode(encoding string, raw []byte) ([]byte, bool) {
	var r io.Reader
	var err error
	src := bytes.NewReader(raw)
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return raw, true
	case "gzip", "x-gzip":
		var z *gzip.Reader
		if z, err = gzip.NewReader(src); err == nil {
			z.Multistream(false)
		}
		r = z
	case "deflate":
		r, err = zlib.NewReader(src)
	default:
		return nil, false
	}
	if err != nil {
		return nil, false
	}
	limit := grown(len(raw))
	plain, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil || len(plain) > limit || src.Len() > 0 {
		return nil, false
	}
	return plain, true
}

// grown is the most that n compressed bytes may become.
func grown(n int) int { return min(maxPlain, max(minPlain, maxRatio*n)) }

// Cost is the memory that reading n bytes may take: the text, what the decoder has
// of it, and the strings and nodes made of it.
func Cost(encoding []string, n int) int64 {
	text := 4 * n
	if len(encoding) > 0 {
		n = grown(n)
		text = 3 * n // hardly anything grows that far
	}
	return int64(text + min(n, maxNodes)*nodeSize)
}
