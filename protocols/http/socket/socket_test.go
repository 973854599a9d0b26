package socket

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"sallyport.dev/sallyport/vault/scrub"
)

const secret = "sk-live-0123456789abcdefghij"

// finder makes what a Reader asks.
func finder() func() *scrub.Matcher {
	m := scrub.New([]byte(secret))
	return func() *scrub.Matcher { return m }
}

// framed is one frame as a server writes it.
func framed(first byte, payload string) string {
	switch n := len(payload); {
	case n < 126:
		return string([]byte{first, byte(n)}) + payload
	case n < 1<<16:
		return string([]byte{first, 126, byte(n >> 8), byte(n)}) + payload
	default:
		return string([]byte{first, 127, 0, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + payload
	}
}

const (
	text   = 0x81
	begun  = 0x01
	middle = 0x00
	last   = 0x80
	bytes2 = 0x82
	ping   = 0x89
	bye    = 0x88
)

// parts splits a stream of frames into what they carry.
func parts(t *testing.T, s string) (list []string) {
	t.Helper()
	for len(s) > 0 {
		n, head := int(s[1]), 2
		if n == 126 {
			n, head = int(s[2])<<8|int(s[3]), 4
		}
		if len(s) < head+n {
			t.Fatalf("half a frame: %q", s)
		}
		list, s = append(list, s[head:head+n]), s[head+n:]
	}
	return list
}

// T31: a secret in a message is masked, whatever frames it is cut into and however the
// bytes come, and the frames stay as they are.
func TestT31_SecretsInWebSocketMessages(t *testing.T) {
	used := finder()
	for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))[:37], strings.ToUpper(secret)} {
		hides := form != strings.ToUpper(secret)
		for cut := range len(form) + 1 {
			sent := framed(text, "hello "+form+" there") +
				framed(begun, "hello "+form[:cut]) + framed(ping, "still there?") + framed(middle, "") + framed(last, form[cut:]+" there") +
				framed(bytes2, form) + framed(ping, form) + framed(text, strings.Repeat("x", 300)+form) + framed(bye, "\x03\xe8"+form)
			for _, src := range []io.Reader{strings.NewReader(sent), iotest.OneByteReader(strings.NewReader(sent)), iotest.HalfReader(strings.NewReader(sent)), iotest.DataErrReader(strings.NewReader(sent))} {
				got, err := io.ReadAll(NewReader(src, used))
				if err != nil {
					t.Fatal(err)
				}
				if hides && strings.Contains(string(got), form) {
					t.Fatalf("cut at %d: %q", cut, got)
				}
				have, want := parts(t, string(got)), parts(t, sent)
				if len(have) != len(want) {
					t.Fatalf("%d frames become %d", len(want), len(have))
				}
				for i := range have {
					if len(have[i]) != len(want[i]) || strings.ReplaceAll(want[i], form, "") == want[i] && i != 1 && i != 4 && have[i] != want[i] {
						t.Fatalf("cut at %d: frame %d becomes %q", cut, i, have[i])
					}
				}
				if whole := have[1] + have[4]; hides && strings.Count(whole, "*") < len(form)-2*(scrub.Least-1) {
					t.Fatalf("cut at %d: %q", cut, whole)
				}
				if !hides && string(got) != sent {
					t.Fatalf("what is no secret is touched: %q", got)
				}
			}
		}
	}
}

// A frame is given on as soon as its bytes are there.
func TestNothingWaitsForTheNextFrame(t *testing.T) {
	r, w := io.Pipe()
	got := NewReader(r, finder())
	buf := make([]byte, 100)
	for _, payload := range []string{"plain", "ends like one: sk-live-0123456789abcdef", "s", "", "sk-"} {
		f := framed(text, payload)
		go w.Write([]byte(f)) //nolint:errcheck // the reader waits for it
		if n, err := io.ReadFull(got, buf[:len(f)]); err != nil || n != len(f) {
			t.Fatalf("%q: %d bytes, %v", payload, n, err)
		}
	}
	w.Close()
	if n, err := got.Read(buf); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %d %v", n, err)
	}
}

func TestWhatIsNoFrame(t *testing.T) {
	for name, bad := range map[string]string{
		"compressed":            framed(text|0x40, "x"),
		"another extension":     framed(text|0x10, "x"),
		"masked":                "\x81\x81abcdx",
		"operation 3":           framed(0x83, "x"),
		"operation 15":          framed(0x8f, "x"),
		"a ping in pieces":      framed(0x09, "x"),
		"a long ping":           framed(ping, strings.Repeat("x", 126)),
		"16 bits for a little":  "\x81\x7e\x00\x01x",
		"64 bits for a little":  "\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x01x",
		"a length with a sign":  "\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x01x",
		"no WebSocket, but TLS": "\x16\x03\x01\x02\x00",
	} {
		got, err := io.ReadAll(NewReader(strings.NewReader(framed(text, "fine")+bad), finder()))
		if !errors.Is(err, ErrFrame) || string(got) != framed(text, "fine") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// What is cut off is given on, but no beginning of a secret that tells something.
func TestAFrameThatIsCutOff(t *testing.T) {
	f := framed(text, "it is "+secret)
	got, err := io.ReadAll(NewReader(strings.NewReader(f[:len(f)-3]), finder()))
	if err != nil || string(got) != f[:8]+strings.Repeat("*", len(secret)-3) {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(framed(text, "it is "+secret)), uint8(3))
	f.Add([]byte(framed(begun, secret[:9])+framed(ping, "")+framed(last, secret[9:])), uint8(1))
	f.Add([]byte(framed(text, strings.Repeat("x", 1<<16))), uint8(200))
	used := finder()
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		r := NewReader(bytes.NewReader(b), used)
		var got []byte
		for buf := make([]byte, int(size)+1); ; {
			n, err := r.Read(buf)
			got = append(got, buf[:n]...)
			if err != nil {
				break
			}
		}
		if len(got) > len(b) || bytes.Contains(got, []byte(secret)) {
			t.Fatalf("%q becomes %q", b, got)
		}
		for i := range got {
			if got[i] != b[i] && got[i] != '*' {
				t.Fatalf("%q becomes %q", b, got)
			}
		}
	})
}

// What an origin sends in frames of one byte costs by the byte, however long the values
// are that are looked for.
func BenchmarkSmallFrames(b *testing.B) {
	used := scrub.New(bytes.Repeat([]byte("a-key-in-PEM"), 250))
	data := bytes.Repeat([]byte("\x02\x01a"), 20_000)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		io.Copy(io.Discard, NewReader(bytes.NewReader(data), func() *scrub.Matcher { return used })) //nolint:errcheck // it is in memory
	}
}
