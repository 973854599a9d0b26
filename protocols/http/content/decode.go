package content

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// Bounds of what a compressed body may become: 64 MiB of zeros are 65 KiB of gzip.
const (
	maxPlain = 8 << 20
	maxRatio = 100
	minPlain = 64 << 10 // what any body may become
	// maxWindow is what a decoder of brotli or zstd may keep of what it has said:
	// what their encoders take unless told otherwise.
	maxWindow = 4 << 20
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
	case "br":
		if window, ok := brotliWindow(raw); !ok || window > maxWindow {
			return nil, false
		}
		r = brotli.NewReader(src) // it fails where something follows
	case "zstd":
		if !oneFrame(raw) {
			return nil, false
		}
		var z *zstd.Decoder
		z, err = zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			defer z.Close()
		}
		r = z
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

// Unpack undoes one layer of Content-Encoding as far as raw, the beginning of a body
// or all of it, goes, and gives at most most bytes; whole is true where that is all
// that a whole body says.
func Unpack(encoding string, raw []byte, most int, all bool) (plain []byte, whole, ok bool) {
	r, end, ok := undone(encoding, raw)
	if !ok {
		return nil, false, false
	}
	defer end()
	plain, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	whole = err == nil && all && len(plain) <= most
	return plain[:min(len(plain), most)], whole, len(plain) > 0 || whole
}

// Pour gives to w what raw, the beginning of a body or all of it, says without its one
// layer of Content-Encoding, up to what any such body may become.
func Pour(w io.Writer, encoding string, raw []byte) {
	r, end, ok := undone(encoding, raw)
	if !ok {
		return
	}
	defer end()
	io.CopyN(w, r, int64(grown(len(raw)))) //nolint:errcheck // it goes as far as it can be read
}

// undone reads what raw says, as far as it goes; end gives back what that takes.
func undone(encoding string, raw []byte) (r io.Reader, end func(), ok bool) {
	var err error
	src, end := bytes.NewReader(raw), func() {}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(src)
	case "deflate":
		r, err = zlib.NewReader(src)
	case "br":
		if window, ok := brotliWindow(raw); !ok || window > maxWindow {
			return nil, nil, false
		}
		r = brotli.NewReader(src)
	case "zstd":
		var z *zstd.Decoder
		z, err = zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			end = z.Close
		}
		r = z
	default:
		return nil, nil, false
	}
	return r, end, err == nil
}

// Window is the memory that Unpack and Pour take beside what they give.
func Window(encoding string) int64 {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "br", "zstd":
		return 2 * maxWindow
	}
	return 64 << 10
}

// brotliWindow gives the window that a stream of brotli asks for (RFC 7932, section
// 9.1); it is false for one that is larger than the format has.
func brotliWindow(raw []byte) (size int, ok bool) {
	if len(raw) == 0 {
		return 0, false
	}
	bits := 16
	switch b := raw[0]; {
	case b&1 == 0:
	case b>>1&7 != 0:
		bits = 17 + int(b>>1&7)
	case b>>4&7 == 0:
		bits = 17
	case b>>4&7 == 1:
		return 0, false
	default:
		bits = 8 + int(b>>4&7)
	}
	return 1 << bits, true
}

// oneFrame reports whether a text is one frame of zstd (RFC 8878, section 3.1.1) to
// its last byte: of several, some readers take the first and others all.
func oneFrame(raw []byte) bool {
	var h zstd.Header
	if h.Decode(raw) != nil || h.Skippable || h.DictionaryID != 0 {
		return false
	}
	for at := h.HeaderSize; at+3 <= len(raw); {
		head := int(raw[at]) | int(raw[at+1])<<8 | int(raw[at+2])<<16
		size := head >> 3
		if head>>1&3 == 1 { // one byte, so many times
			size = 1
		}
		at += 3 + size
		if head&1 == 0 {
			continue
		}
		if h.HasCheckSum {
			at += 4
		}
		return at == len(raw)
	}
	return false
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
		switch strings.ToLower(strings.TrimSpace(strings.Join(encoding, ""))) {
		case "br", "zstd":
			text += 2 * maxWindow
		}
	}
	return int64(text + min(n, maxNodes)*nodeSize)
}
