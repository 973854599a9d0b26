package screen

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
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

// copies makes a message of COPY of each text, between others.
func copies(texts ...string) []byte {
	var b []byte
	for i, body := range append(append([]string{"\x00\x00"}, texts...), "") {
		typ := byte('d')
		switch i {
		case 0:
			typ = 'H'
		case len(texts) + 1:
			typ = 'c'
		}
		b = append(b, typ)
		b = binary.BigEndian.AppendUint32(b, uint32(4+len(body)))
		b = append(b, body...)
	}
	return b
}

// message gives where the message begins that place belongs to, or the next one if none
// is under way there.
func message(all []byte, place int) int {
	at := 0
	for at < len(all) {
		next := at + 1 + int(binary.BigEndian.Uint32(all[at+1:]))
		if next > place {
			return at
		}
		at = next
	}
	return at
}

// streamed passes all as it comes, by as many bytes as size says; what of a message is
// there goes on as soon as its header is. It gives the data that come out.
func streamed(t *testing.T, all []byte, size func() int) string {
	t.Helper()
	s := newScreen()
	var out, held []byte
	for at := 0; at < len(all); {
		to := min(len(all), at+max(1, size()))
		from := message(all, to)
		if part := to - from; part > 0 && part < header { // it comes in one piece
			to = from + header
		}
		more := message(all, to) < to
		b := append(held, all[at:to]...)
		hold := s.Mask(b, more)
		out = append(out, b[:len(b)-hold]...)
		held = bytes.Clone(b[len(b)-hold:])
		at = to
	}
	if len(out) != len(all) || s.left != 0 || s.known != 0 {
		t.Fatalf("%d bytes became %d, %d are left and %d known", len(all), len(out), s.left, s.known)
	}
	var data []byte
	for at := 0; at < len(all); {
		next := at + 1 + int(binary.BigEndian.Uint32(all[at+1:]))
		if !bytes.Equal(out[at:at+header], all[at:at+header]) {
			t.Fatalf("the header at %d changed", at)
		}
		if all[at] == 'd' {
			data = append(data, out[at+header:next]...)
		}
		at = next
	}
	return string(data)
}

// cutUp cuts text into parts of so many bytes.
func cutUp(text string, size int) (parts []string) {
	for len(text) > size {
		parts, text = append(parts, text[:size]), text[size:]
	}
	return append(parts, text)
}

// T31: however a server cuts its data into messages of COPY, no value passes: whole in
// what is there at once, and else but for a beginning that is too short to tell.
func TestT31_ValuesInSeveralMessagesOfCopy(t *testing.T) {
	inHex := hex.EncodeToString([]byte(verifier))
	for _, c := range []struct{ name, value string }{
		{"a password", secret},
		{"in base64", base64.StdEncoding.EncodeToString([]byte(secret))},
		{"a verifier", verifier},
		{"a verifier in hex", inHex},
		{"an md5 verifier", "md5" + shadow},
		{"md5 in hex", hex.EncodeToString([]byte("md5" + shadow))},
	} {
		check := func(how, got string, shown int) {
			t.Helper()
			want := "a\tb\n1\t" + c.value + "\t2\nc\td\n"
			if len(got) != len(want) {
				t.Fatalf("%s, %s: %q", c.name, how, got)
			}
			left := 0
			for i := range want {
				if got[i] == mark {
					continue
				}
				if got[i] != want[i] {
					t.Fatalf("%s, %s: %q", c.name, how, got)
				}
				if i >= 6 && i < 6+len(c.value) {
					left++
				}
			}
			if left > shown || !strings.HasSuffix(got, "\t2\nc\td\n") || !strings.HasPrefix(got, "a\tb\n1\t") {
				t.Fatalf("%s, %s: %d bytes pass: %q", c.name, how, left, got)
			}
		}
		// What of a verifier tells nothing, of any of its kinds.
		most := map[bool]int{true: 2*len(scramMark) + 4*maxCount, false: scrub.Least - 1}[strings.HasPrefix(c.name, "a verifier")]
		if c.name == "md5 in hex" {
			most = 2*scrub.Least - 1
		}
		text := "a\tb\n1\t" + c.value + "\t2\nc\td\n"
		for i := range len(text) + 1 {
			all := copies(text[:i], "", text[i:])
			check(fmt.Sprint("cut at ", i), streamed(t, all, func() int { return len(all) }), 0)
			for size := 1; size < 40; size += 1 + size/7 {
				check(fmt.Sprint("cut at ", i, ", read by ", size), streamed(t, all, func() int { return size }), most)
			}
			first := 2*header + 2 + i + header // the first part, and nothing of the next
			check(fmt.Sprint("cut at ", i, " with a pause"), streamed(t, all, func() int { n := first; first = len(all); return n }), most)
		}
		for size := 1; size < len(text); size++ {
			all := copies(cutUp(text, size)...)
			check(fmt.Sprint("parts of ", size), streamed(t, all, func() int { return len(all) }), 0)
			for _, reads := range []int{1, 2, 3, 7, size + header, 64, 700} {
				check(fmt.Sprint("parts of ", size, " read by ", reads), streamed(t, all, func() int { return reads }), most)
			}
		}
	}
}

// What stands in rows of their own is no value, and other messages join nothing.
func TestRowsAreNotJoined(t *testing.T) {
	half, rest := secret[:10], secret[10:]
	for _, c := range []struct {
		name   string
		all    []byte
		want   string // where all is there at once
		pieces string // where a message is
	}{
		{"two rows", copies(half+"\n", rest+"\n"), half + "\n" + rest + "\n", half + "\n" + rest + "\n"},
		{"rows of the binary format", copies(half, "\x00\x01"+rest), half + "\x00\x01" + rest, half + "\x00\x01" + rest},
		{"another COPY", append(copies(half), copies(rest)...), half + rest, half + rest},
		{"the same at last", append(copies(half), copies(half, rest)...), half + stars(len(secret)), half + half + stars(len(rest))},
	} {
		for _, size := range []int{1, 9, 30, 1000} {
			want := c.want
			if size < 30 {
				want = c.pieces
			}
			if got := streamed(t, c.all, func() int { return size }); got != want {
				t.Errorf("%s, by %d: %q", c.name, size, got)
			}
		}
	}
}

// FuzzCopied: whatever is cut where, what comes out is as long, has nothing but stars
// in other places, and no secret in what was there at once.
func FuzzCopied(f *testing.F) {
	f.Add([]byte(secret+"x"+verifier), uint8(7), uint16(9))
	f.Add([]byte("md5"+shadow+secret), uint8(1), uint16(1000))
	f.Add([]byte(strings.Repeat(scramMark, 20)+"1:"), uint8(3), uint16(64))
	f.Fuzz(func(t *testing.T, b []byte, part uint8, reads uint16) {
		text := string(b)
		all := copies(cutUp(text, int(part)+1)...)
		got, once := streamed(t, all, func() int { return int(reads) + 1 }), streamed(t, all, func() int { return len(all) })
		if len(got) != len(text) || len(once) != len(text) {
			t.Fatalf("%q becomes %q and %q", text, got, once)
		}
		for i := range len(text) {
			if got[i] != text[i] && got[i] != mark || once[i] != text[i] && once[i] != mark {
				t.Fatalf("%q becomes %q and %q", text, got, once)
			}
		}
		if strings.Contains(once, secret) || strings.Contains(got, secret) {
			t.Fatalf("it passes: %q, %q", got, once)
		}
	})
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
		"joins": strings.Repeat("d\x00\x00\x00\x68"+strings.Repeat("x", 100), 64<<10/105),
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
