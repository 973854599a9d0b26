package content

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

func squeeze(t testing.TB, make func(io.Writer) io.WriteCloser, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := make(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func br(t testing.TB, text string) []byte {
	return squeeze(t, func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }, text)
}

func brWindow(t testing.TB, bits int, text string) []byte {
	return squeeze(t, func(w io.Writer) io.WriteCloser {
		return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: 5, LGWin: bits})
	}, text)
}

func zst(t testing.TB, text string, o ...zstd.EOption) []byte {
	return squeeze(t, func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w, append(o, zstd.WithEncoderConcurrency(1))...)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}, text)
}

// What brotli and zstd say is read as if it stood there.
func TestBrotliAndZstd(t *testing.T) {
	const text = `{"amount": 75, "to": "ana"}`
	long := `{"amount": 75, "pad": "` + strings.Repeat("ab ", 60_000) + `"}`
	for name, b := range map[string]*Body{
		"br": Read([]string{"application/json"}, []string{"br"}, br(t, text)), "BR": Read([]string{"application/json"}, []string{" BR "}, br(t, text)),
		"br, long":           Read([]string{"application/json"}, []string{"br"}, brWindow(t, 22, long[:9000]+`"}`)),
		"zstd":               Read([]string{"application/json"}, []string{"zstd"}, zst(t, text)),
		"zstd without a sum": Read([]string{"application/json"}, []string{"zstd"}, zst(t, text, zstd.WithEncoderCRC(false))),
		"zstd, long":         Read([]string{"application/json"}, []string{"zstd"}, zst(t, long[:9000]+`"}`)),
	} {
		doc, state := b.JSON()
		if state != action.Known {
			t.Errorf("%s: %v", name, state)
			continue
		}
		if n, _ := doc.Member("amount"); n == nil || n.Num != 75 {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

// What readers could take differently, or what costs too much, is unknown.
func TestT26_UnclearBrotliAndZstd(t *testing.T) {
	const text = `{"a": 1}`
	zeros := strings.Repeat("0", 9<<20)
	skippable := []byte{0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2}
	for name, c := range map[string]struct {
		encoding string
		raw      []byte
	}{
		"a bomb of brotli":           {"br", br(t, zeros)},
		"a bomb of zstd":             {"zstd", zst(t, zeros)},
		"more behind brotli":         {"br", append(br(t, text), "{}"...)},
		"two of brotli":              {"br", slices.Concat(br(t, text), br(t, text))},
		"two frames":                 {"zstd", slices.Concat(zst(t, text), zst(t, text))},
		"a frame to be skipped":      {"zstd", slices.Concat(skippable, zst(t, text))},
		"one to be skipped behind":   {"zstd", slices.Concat(zst(t, text), skippable)},
		"more behind zstd":           {"zstd", append(zst(t, text), 0)},
		"brotli broken off":          {"br", br(t, text)[:5]},
		"zstd broken off":            {"zstd", zst(t, text)[:9]},
		"a window of 16 MiB, brotli": {"br", brWindow(t, 24, text)},
		"a window of 16 MiB, zstd":   {"zstd", zst(t, zeros[:1<<20], zstd.WithWindowSize(16<<20), zstd.WithSingleSegment(false))},
		"brotli in gzip's name":      {"gzip", br(t, text)},
		"nothing":                    {"br", []byte{}},
	} {
		if _, state := Read([]string{"application/json"}, []string{c.encoding}, c.raw).JSON(); state == action.Known {
			t.Errorf("%s is read", name)
		}
	}
}

// No body makes a decoder fail, or take more than it may.
func FuzzDecode(f *testing.F) {
	f.Add("br", br(f, `{"a": 1}`))
	f.Add("zstd", zst(f, `{"a": 1}`))
	f.Add("gzip", []byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, encoding string, raw []byte) {
		plain, ok := decode(encoding, raw)
		if ok && encoding != "" && len(plain) > max(len(raw), grown(len(raw))) {
			t.Errorf("%d bytes became %d", len(raw), len(plain))
		}
	})
}
