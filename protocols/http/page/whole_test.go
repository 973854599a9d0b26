package page

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

func transcript(body []byte, of func([]byte) io.Reader) *Transcript {
	return &Transcript{
		Before: []byte("POST https://a/\n"), Behind: []byte("header Accept: x\n"), Size: int64(len(body)),
		Open: func() (io.Reader, func(), bool) { return of(body), func() {}, true },
		Stay: func() (func(), bool) { return func() {}, true },
	}
}

func plain(b []byte) io.Reader { return bytes.NewReader(b) }

// Nothing of a body is left out, however long it is, and every character is one that
// a person sees.
func TestT40_AllOfABodyCanBeRead(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	for _, c := range []struct{ name, body, want string }{
		{"lines", "a\nb\r\n\nc", "\n| a\n| b\n| \n| c\n"},
		{"a line without an end", long + "é", "\n| " + long + "é\n"},
		{"what is not seen", "pay\u202e5\u200b\x1b[2J\rbob\n", "\n| pay<U+202E>5<U+200B><U+001B>[2J<U+000D>bob\n"},
		{"a stray byte", strings.Repeat("text ", 20) + "\xff", ", not all of it text\n| " + strings.Repeat("text ", 20) + "<0xFF>\n"},
		{"a forged end", "x\nheader Accept: y\nbody 5 bytes\n", "\n| x\n| header Accept: y\n| body 5 bytes\n"},
		{"bytes", "\x00\x01\xfe" + strings.Repeat("\x02", 32), ", binary\n| 00 01 fe" + strings.Repeat(" 02", 29) + "\n| 02 02 02\n"},
		{"nothing", "", ""},
	} {
		for name, of := range map[string]func([]byte) io.Reader{
			"at once": plain, "by the byte": func(b []byte) io.Reader { return iotest.OneByteReader(bytes.NewReader(b)) },
			"with its end": func(b []byte) io.Reader { return iotest.DataErrReader(bytes.NewReader(b)) },
		} {
			var b bytes.Buffer
			n, err := transcript([]byte(c.body), of).WriteTo(&b)
			want := "POST https://a/\n"
			if c.body != "" {
				want += fmt.Sprintf("body %d bytes, SHA-256 %x", len(c.body), sha256.Sum256([]byte(c.body))) + c.want
			}
			if want += "header Accept: x\n"; err != nil || b.String() != want || n != int64(b.Len()) {
				t.Errorf("%s, %s: %v\n%.300q, want\n%.300q", c.name, name, err, b.String(), want)
			}
		}
	}
}

func TestABodyThatIsGoneIsNotTold(t *testing.T) {
	tr := transcript([]byte("x"), plain)
	tr.Open = func() (io.Reader, func(), bool) { return nil, nil, false }
	if _, err := tr.WriteTo(io.Discard); err == nil {
		t.Error("it is told")
	}
	broken := transcript([]byte("xy"), func(b []byte) io.Reader { return io.MultiReader(plain(b[:1]), iotest.ErrReader(io.ErrUnexpectedEOF)) })
	if _, err := broken.WriteTo(io.Discard); err == nil {
		t.Error("a body that breaks off is told as a whole one")
	}
}

// With Full no field is cut.
func TestFullLeavesNothingOut(t *testing.T) {
	p := Page{Full: true}
	p.URL("GET https://a/"+strings.Repeat("u", 20<<10), 0)
	h := http.Header{}
	for i := range 40 {
		h.Set(fmt.Sprintf("X-%d", i), strings.Repeat("v", 2<<10))
	}
	p.Fields("header ", h)
	if text, hidden := p.Text(); hidden != 0 || len(text) < 100<<10 {
		t.Errorf("%d bytes, %d hidden", len(text), hidden)
	}
}

func FuzzTranscript(f *testing.F) {
	f.Add([]byte("a\r\nb\xff\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var b bytes.Buffer
		if _, err := transcript(body, plain).WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(strings.TrimSuffix(strings.TrimPrefix(b.String(), "POST https://a/\n"), "header Accept: x\n")) {
			if !strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "body ") {
				t.Fatalf("%q", line)
			}
		}
	})
}
