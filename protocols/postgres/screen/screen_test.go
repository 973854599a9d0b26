package screen

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"sallyport.dev/sallyport/vault/scrub"
)

const (
	secret = "canary-Pass+word/7f3a"
	salt   = "c2FsdHNhbHRzYWx0c2E9PQ=="
	stored = "l2t4eZq3wV0n3n1kqf1oWQ0fJwX0f6s7vC0yqk3Yb0A="
	server = "Zk9n2mYw1Q8b7xv4TtE5uR6oPpL0aSdFgHjKlZxCv3M="
	shadow = "0123456789abcdef0123456789abcdef"
)

var (
	proof    = "4096:" + salt + "$" + stored + ":" + server
	verifier = scramMark + proof
	matcher  = scrub.New([]byte(secret))
)

func newScreen() *Screen { return &Screen{Secrets: func() *scrub.Matcher { return matcher }} }

// framed makes text the body of a message among others, whose types and lengths
// might pass for a part of it.
func framed(text string) (b []byte, from int) {
	for _, body := range []string{"\x00\x01", text, "", text + "4", "", "9"} {
		b = append(b, 'd')
		b = binary.BigEndian.AppendUint32(b, uint32(4+len(body)))
		b = append(b, body...)
	}
	return b, 2*header + 2
}

// masked passes text in a message, in pieces that end where cuts say, as a Stream
// does, and takes it out again.
func masked(t *testing.T, text string, cuts ...int) string {
	t.Helper()
	s := newScreen()
	all, from := framed(text)
	var out, held []byte
	at := 0
	for _, cut := range append(cuts, -1) {
		if cut += from; cut < from {
			cut = len(all)
		}
		b := append(held, all[at:cut]...)
		hold := s.Mask(b, cut < from+len(text))
		out = append(out, b[:len(b)-hold]...)
		held = bytes.Clone(b[len(b)-hold:])
		at = cut
	}
	if len(out) != len(all) || s.left != 0 || s.known != 0 {
		t.Fatalf("%d bytes became %d, %d are left and %d known", len(all), len(out), s.left, s.known)
	}
	for i, c := range out {
		if c != all[i] && (c != mark || inHeader(all, i)) {
			t.Fatalf("byte %d, %q, became %q", i, all[i], c)
		}
	}
	return string(out[from : from+len(text)])
}

// inHeader reports whether byte i of b stands in the header of a message.
func inHeader(b []byte, i int) bool {
	at := 0
	for at+header <= i {
		next := at + 1 + int(binary.BigEndian.Uint32(b[at+1:]))
		if next > i {
			return false
		}
		at = next
	}
	return i >= at
}

func stars(n int) string { return strings.Repeat("*", n) }

func TestMask(t *testing.T) {
	whole := func(s string) string { return stars(len(s)) }
	inHex := hex.EncodeToString([]byte(verifier))
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "D\x00\x00\x00\x0b\x00\x01hello", "D\x00\x00\x00\x0b\x00\x01hello"},
		{"a password", "x" + secret + "y", "x" + whole(secret) + "y"},
		{"twice, side by side", secret + secret, whole(secret + secret)},
		{"in base64", base64.StdEncoding.EncodeToString([]byte(secret)), whole(base64.StdEncoding.EncodeToString([]byte(secret)))},
		{"in a URL", url.QueryEscape(secret), whole(url.QueryEscape(secret))},
		{"in hex, as a bytea", `\x` + hex.EncodeToString([]byte(secret)), `\x` + stars(2*len(secret))},
		{"a verifier", verifier, whole(verifier)},
		{"between others", "a\t" + verifier + "\tb\n", "a\t" + whole(verifier) + "\tb\n"},
		{"of JSON", `{"rolpassword":"` + verifier + `"}`, `{"rolpassword":"` + whole(verifier) + `"}`},
		{"two verifiers", verifier + "," + verifier, whole(verifier) + "," + whole(verifier)},
		{"the beginning of one", verifier[:50], stars(50)},
		{"a verifier as a bytea", `\x` + inHex, `\x` + stars(2*len(verifier))},
		{"its word alone", "SCRAM-SHA-256$ and SCRAM-SHA-256", "SCRAM-SHA-256$ and SCRAM-SHA-256"},
		{"its word and a number", "SCRAM-SHA-256$4096", "SCRAM-SHA-256$4096"},
		{"an md5 verifier", "md5" + shadow, stars(35)},
		{"md5 as a bytea", `\x` + hex.EncodeToString([]byte("md5"+shadow)), `\x` + stars(70)},
		{"before a NUL", "md5" + shadow + "\x00", stars(35) + "\x00"},
		{"too long for md5", "md5" + shadow + "0 ", "md5" + shadow + "0 "},
		{"too short for md5", "md5" + shadow[1:] + " ", "md5" + shadow[1:] + " "},
		{"md5 of another kind", "md5:" + shadow + " MD5" + shadow, "md5:" + shadow + " MD5" + shadow},
	} {
		if got := masked(t, c.text); got != c.want {
			t.Errorf("%s: %q\nwant %q", c.name, got, c.want)
		}
	}
	var none *Screen
	none.Text([]byte(secret))
	if b := []byte(secret); none.Mask(b, false) != 0 || string(b) != secret {
		t.Error("no screen masks")
	}
}

// long is what every cut is tried in: all kinds, some close together, some so far
// apart that pieces go out between them.
func long() string {
	gap := strings.Repeat("x", maxVerifier)
	return "D\x00\x00\x10\x00" + secret + gap + verifier + secret + "md5" + shadow + "\x00" + gap + `\x` + hex.EncodeToString([]byte(verifier)) + gap + secret
}

// Wherever a message is cut, it comes out as if it were not.
func TestT31_WhereverAMessageIsCut(t *testing.T) {
	text := long()
	alone := []byte(text)
	newScreen().Text(alone)
	if masked(t, text) != string(alone) {
		t.Error("no message, and masked otherwise")
	}
	want := masked(t, text)
	for _, part := range []string{secret, stored, server, shadow} {
		if strings.Contains(want, part) {
			t.Fatalf("%q passes", part)
		}
	}
	for i := range len(text) {
		if got := masked(t, text, i); got != want {
			t.Fatalf("cut at %d: %q\nwant %q", i, got, want)
		}
	}
	for size := 1; size < 3*maxVerifier; size += 1 + size/20 {
		var cuts []int
		for at := size; at < len(text); at += size {
			cuts = append(cuts, at)
		}
		if got := masked(t, text, cuts...); got != want {
			t.Fatalf("pieces of %d: %q\nwant %q", size, got, want)
		}
	}
}

// FuzzMask: no cut makes a difference, no length changes, and nothing but stars is
// written.
func FuzzMask(f *testing.F) {
	f.Add([]byte(long()), uint16(3), uint16(700))
	f.Add([]byte(secret+"md5"+shadow+verifier[:30]+verifier), uint16(10), uint16(40))
	f.Add([]byte(strings.Repeat(scramMark, 20)+"1:"), uint16(99), uint16(100))
	f.Add([]byte(scramInHex+scramInHex+"343a"), uint16(5), uint16(31))
	f.Fuzz(func(t *testing.T, b []byte, one, two uint16) {
		text := string(b)
		i, j := int(one)%(len(text)+1), int(two)%(len(text)+1)
		want, got := masked(t, text), masked(t, text, min(i, j), max(i, j))
		if got != want || len(got) != len(text) {
			t.Fatalf("cut at %d and %d: %q\nwant %q", i, j, got, want)
		}
		for k := range len(text) {
			if got[k] != text[k] && got[k] != mark {
				t.Fatalf("byte %d of %q became %q", k, text, got[k])
			}
		}
		if strings.Contains(got, secret) {
			t.Fatalf("it passes: %q", got)
		}
	})
}

// BenchmarkMask is what passes of rows in bulk, and of a small answer.
func BenchmarkMask(b *testing.B) {
	row := "d\x00\x00\x00\xcf1\t" + strings.Repeat("x", 200) + "\n"
	mixed := "d\x00\x00\x00\x471042\tuser 1042\t2026-11-25 21:00:00\tpaid\t129.95\tmd5sum and SCRAM\n"
	for name, text := range map[string]string{
		"rows":  strings.Repeat(row, 64<<10/len(row)),
		"mixed": strings.Repeat(mixed, 64<<10/len(mixed)),
		"words": strings.Repeat(strings.Replace(mixed, "md5sum and SCRAM", "some other words", 1), 64<<10/len(mixed)),
		"small": "2\x00\x00\x00\x04T\x00\x00\x00\x21\x00\x01abalance\x00\x00\x00\x40\x00\x00\x03\x00\x00\x00\x17\x00\x04\xff\xff\xff\xff\x00\x00D\x00\x00\x00\x0b\x00\x01\x00\x00\x00\x010C\x00\x00\x00\x0dSELECT 1\x00Z\x00\x00\x00\x05I",
	} {
		b.Run(name, func(b *testing.B) {
			s := newScreen()
			buf := []byte(text)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				s.Mask(buf, true)
			}
		})
	}
}

func BenchmarkParts(b *testing.B) {
	mixed := "d\x00\x00\x00\x471042\tuser 1042\t2026-11-25 21:00:00\tpaid\t129.95\tsome other words\n"
	buf := []byte(strings.Repeat(mixed, 64<<10/len(mixed)))
	for name, f := range map[string]func(){
		"matcher":   func() { matcher.Places(buf, func(int, int) {}) },
		"verifiers": func() { verifiers(buf, func(int, int) {}) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				f()
			}
		})
	}
}
