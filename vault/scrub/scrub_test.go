package scrub

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
)

const token = `ghp_R4nd0m/Tok+en="42"&<é>'s`

// written are ways that origins write a value, made by other means than forms.
func written(v string) map[string]string {
	js, _ := json.Marshal(v)
	plain := new(bytes.Buffer)
	enc := json.NewEncoder(plain)
	enc.SetEscapeHTML(false)
	enc.Encode(v)
	all := map[string]string{
		"raw":           v,
		"bearer":        "Authorization: Bearer " + v,
		"hex":           hex.EncodeToString([]byte(v)),
		"HEX":           strings.ToUpper(hex.EncodeToString([]byte(v))),
		"query":         "?key=" + url.QueryEscape(v),
		"path":          "/x/" + url.PathEscape(v),
		"json":          string(js),
		"json, no html": strings.TrimSpace(plain.String()),
		"json, slashes": strings.ReplaceAll(strings.TrimSpace(plain.String()), "/", `\/`),
		"html":          html.EscapeString(v),
	}
	for before := range 4 {
		for after := range 4 {
			text := []byte(strings.Repeat("x", before) + v + strings.Repeat("y", after))
			name := fmt.Sprintf("base64 %d+%d", before, after)
			all[name] = base64.StdEncoding.EncodeToString(text)
			all[name+" url"] = base64.RawURLEncoding.EncodeToString(text)
		}
	}
	return all
}

// hides reports whether nothing of v can be read out of what was scrubbed.
func hides(name, scrubbed, v string) bool {
	if strings.HasPrefix(name, "base64") {
		enc := base64.StdEncoding
		if strings.HasSuffix(name, "url") {
			enc = base64.RawURLEncoding
		}
		scrubbed = strings.ReplaceAll(scrubbed, "*", "A")
		plain, _ := enc.DecodeString(scrubbed)
		return !strings.Contains(string(plain), v[1:len(v)-1])
	}
	return strings.Contains(scrubbed, "********")
}

func TestMaskFindsEveryForm(t *testing.T) {
	m := New([]byte(token))
	for name, text := range written(token) {
		b := []byte("before " + text + " behind")
		if !m.Mask(b) {
			t.Errorf("%s passes: %s", name, b)
		}
		if got := string(b[7 : len(b)-7]); len(b) != len(text)+14 || !hides(name, got, token) {
			t.Errorf("%s: %s", name, b)
		}
		if !bytes.HasPrefix(b, []byte("before ")) || !bytes.HasSuffix(b, []byte(" behind")) {
			t.Errorf("%s: what stands around it is gone: %s", name, b)
		}
	}
}

// A value is masked wherever reads split it, and nothing else changes.
func TestReaderMasksAcrossEverySplit(t *testing.T) {
	m := New([]byte(token), []byte("another-secret-of-the-same-vault"))
	for name, text := range written(token) {
		text = "data: {" + text + "}\n\n" + text + text[:len(text)-1]
		want := []byte(text)
		m.Mask(want)
		for split := range len(text) {
			src := io.MultiReader(strings.NewReader(text[:split]), strings.NewReader(text[split:]))
			got, err := io.ReadAll(m.Reader(src))
			if err != nil || len(got) != len(text) {
				t.Fatalf("%s: %d bytes of %d: %v", name, len(got), len(text), err)
			}
			whole := len(text) - (len(text) - len("data: {}\n\n")) // what stands before the tail
			if !bytes.Equal(got[:whole], want[:whole]) || !covered(got, want) {
				t.Fatalf("%s, split at %d:\n%s\n%s", name, split, got, want)
			}
		}
		got, err := io.ReadAll(m.Reader(iotest.OneByteReader(strings.NewReader(text))))
		if err != nil || !covered(got, want) {
			t.Fatalf("%s, byte by byte: %v\n%s\n%s", name, err, got, want)
		}
	}
}

// covered reports whether got hides at least what want hides, and differs from it
// only by more stars.
func covered(got, want []byte) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i] != want[i] && got[i] != mark {
			return false
		}
	}
	return true
}

// What cannot begin a value is not held: an event leaves when it is whole.
func TestReaderHoldsNothingElse(t *testing.T) {
	m := New([]byte(token))
	pr, pw := io.Pipe()
	r := m.Reader(pr)
	buf := make([]byte, 4096)
	for _, event := range []string{"data: {\"text\":\"hi\"}\n\n", "data: [DONE]\n\n"} {
		go pw.Write([]byte(event))
		n, err := r.Read(buf)
		if err != nil || string(buf[:n]) != event {
			t.Fatalf("got %q, %v", buf[:n], err)
		}
	}
	go func() { pw.Write([]byte("x" + token[:5])); pw.Write([]byte("y")); pw.Close() }()
	n, _ := r.Read(buf)
	if string(buf[:n]) != "x" {
		t.Errorf("%q left while a value may begin", buf[:n])
	}
	rest, err := io.ReadAll(r)
	if string(rest) != token[:5]+"y" || err != nil {
		t.Errorf("got %q, %v", rest, err)
	}
}

// A stream that breaks off within a value shows no large part of it.
func TestReaderMasksTheBeginningOfAValueAtTheEnd(t *testing.T) {
	m := New([]byte(token))
	for n := range len(token) {
		broken := errors.New("reset")
		for _, end := range []error{io.EOF, broken} {
			src := io.MultiReader(strings.NewReader(token[:n]), iotest.ErrReader(end))
			got, err := io.ReadAll(m.Reader(src))
			if errors.Is(end, broken) != (err != nil) {
				t.Fatalf("error %v", err)
			}
			if n >= Least && strings.Contains(string(got), token[:Least]) {
				t.Errorf("%d bytes and %v: %q", n, end, got)
			}
			if len(got) != n {
				t.Errorf("%d bytes became %d", n, len(got))
			}
		}
	}
}

func TestValuesThatOverlap(t *testing.T) {
	first, second := "abcdefghijklmnop", "klmnopqrstuvwxyz"
	m := New([]byte(first), []byte(second))
	text := "<abcdefghijklmnopqrstuvwxyz>"
	for split := range len(text) {
		src := io.MultiReader(strings.NewReader(text[:split]), strings.NewReader(text[split:]))
		got, _ := io.ReadAll(m.Reader(src))
		if string(got) != "<"+strings.Repeat("*", 26)+">" {
			t.Errorf("split at %d: %s", split, got)
		}
	}
}

func TestShortValuesAreLeftOut(t *testing.T) {
	if m := New([]byte("hunter2"), nil); m != nil {
		t.Error("a short value is looked for")
	}
	var none *Matcher
	b := []byte("anything")
	if none.Mask(b) || none.MaskString("anything") != "anything" {
		t.Error("nothing is masked by nothing")
	}
	got, err := io.ReadAll(none.Reader(strings.NewReader("anything")))
	if string(got) != "anything" || err != nil {
		t.Error("nothing changes by nothing")
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("xx"+token+token[:9]), []byte{3, 1, 40})
	f.Add([]byte(hex.EncodeToString([]byte(token))), []byte{1})
	m := New([]byte(token), []byte("0123456789abcdef"), []byte("abcdef0123456789abcdef"))
	f.Fuzz(func(t *testing.T, text, sizes []byte) {
		want := bytes.Clone(text)
		m.Mask(want)
		got, err := io.ReadAll(m.Reader(&pieces{text: text, sizes: sizes}))
		if err != nil || !covered(got, want) {
			t.Fatalf("%q\n%q\n%q: %v", text, got, want, err)
		}
	})
}

// pieces reads text in pieces of the given sizes.
type pieces struct {
	text, sizes []byte
	i           int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	n := 1
	if len(p.sizes) > 0 {
		n = max(1, int(p.sizes[p.i%len(p.sizes)]))
		p.i++
	}
	n = copy(b[:min(len(b), n)], p.text)
	p.text = p.text[n:]
	return n, nil
}

func secretsOf(n, length int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/&="
	var out [][]byte
	for range n {
		b := make([]byte, length)
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		out = append(out, b)
	}
	return out
}

// answer is JSON as an API gives it.
func answer(size int) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	words := strings.Fields("the quick brown fox id name created_at 2026-11-25T10:00:00Z true null https://api.example.com/v1/items/ 3f2a9c user email total")
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, `{"%s":"%s %s","%s":%d},`, words[r.IntN(len(words))], words[r.IntN(len(words))], words[r.IntN(len(words))], words[r.IntN(len(words))], r.IntN(1e9))
	}
	return b.Bytes()[:size]
}

func BenchmarkReader(b *testing.B) {
	for _, c := range []struct{ secrets, length, read int }{
		{50, 40, 16 << 10}, {50, 12, 16 << 10}, {5, 40, 16 << 10}, {50, 40, 1 << 10}, {50, 40, 100}, {1000, 40, 16 << 10},
	} {
		m := New(secretsOf(c.secrets, c.length)...)
		text := answer(1 << 20)
		b.Run(fmt.Sprintf("%d×%d patterns=%d read=%d", c.secrets, c.length, len(m.patterns), c.read), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			buf := make([]byte, c.read+2*m.longest)
			for b.Loop() {
				r := m.Reader(&pieced{text, c.read})
				for {
					if _, err := r.Read(buf); err != nil {
						break
					}
				}
			}
		})
	}
}

// pieced reads text in pieces of one size.
type pieced struct {
	text []byte
	size int
}

func (p *pieced) Read(b []byte) (int, error) {
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.size)], p.text)
	p.text = p.text[n:]
	return n, nil
}
