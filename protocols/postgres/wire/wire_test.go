package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"sallyport.dev/sallyport/protocols/postgres/screen"
	"sallyport.dev/sallyport/vault/scrub"
)

// A tape is a Sink that keeps what passes.
type tape struct {
	bytes.Buffer
	cut bool
}

func (t *tape) Put(b []byte, cut bool) error {
	t.cut = cut
	t.Write(b)
	return nil
}

func message(typ byte, body string) []byte {
	b := []byte{typ, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(b[1:], uint32(4+len(body)))
	return append(b, body...)
}

// readers are ways in which the same bytes may arrive.
func readers(b []byte) map[string]io.Reader {
	return map[string]io.Reader{
		"at once":      bytes.NewReader(b),
		"by one":       iotest.OneByteReader(bytes.NewReader(b)),
		"by halves":    iotest.HalfReader(bytes.NewReader(b)),
		"with the end": iotest.DataErrReader(bytes.NewReader(b)),
	}
}

func TestWhatPassesIsUnchanged(t *testing.T) {
	var all []byte
	var types string
	for i, n := range []int{0, 1, 5, 1000, 1019, 1020, 3000, 65530, 65531, 65536, 200_000, 7} {
		typ := byte('a' + i)
		all = append(all, message(typ, strings.Repeat("x", n))...)
		types += string(typ)
	}
	for name, src := range readers(all) {
		s, err := NewStream(src, nil, NewPool())
		if err != nil {
			t.Fatal(err)
		}
		var out tape
		s.SetSink(&out)
		var got string
		for {
			m, err := s.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got += string(m.Type)
			if m.Type%2 == 0 {
				if body, err := s.Body(); err != nil || len(body) != m.Body() {
					t.Fatalf("%s: %d bytes of %d, %v", name, len(body), m.Body(), err)
				}
			}
			if err := s.Pass(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		if got != types || !bytes.Equal(out.Bytes(), all) || out.cut || !s.Whole() {
			t.Errorf("%s: %q, %d bytes of %d", name, got, out.Len(), len(all))
		}
	}
}

// A value is masked wherever a message is cut, and the messages stay what they are.
func TestAScreenSeesWhatIsCut(t *testing.T) {
	word := []byte("canary-Pass+word/7f3a")
	used := scrub.New(word)
	var all []byte
	for i, n := range []int{0, 900, 1000, 1010, 3000, 65500, 65510, 65530, 65536, 200_000, 7} {
		body := strings.Repeat("x", n) + string(word)
		all = append(all, message('D', body+strings.Repeat("y", i*i))...)
		all = append(all, message('D', string(word))...)
	}
	want := bytes.ReplaceAll(all, word, bytes.Repeat([]byte("*"), len(word)))
	for name, src := range readers(all) {
		s, err := NewStream(src, nil, NewPool())
		if err != nil {
			t.Fatal(err)
		}
		var out tape
		s.SetSink(&out)
		s.SetScreen((&screen.Screen{Secrets: func() *scrub.Matcher { return used }}).Mask)
		for {
			_, err := s.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				err = s.Pass()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Flush(); err != nil || !bytes.Equal(out.Bytes(), want) || out.cut || !s.Whole() {
			t.Errorf("%s: %d bytes of %d, %v", name, out.Len(), len(want), err)
		}
	}
}

// What is held of a message that never ends is not said, and neither is anything in
// the middle of it.
func TestAScreenHoldsNothingWhole(t *testing.T) {
	whole := message('D', "whole")
	s, err := NewStream(bytes.NewReader(append(bytes.Clone(whole), message('D', strings.Repeat("x", 5000))[:3000]...)), nil, NewPool())
	if err != nil {
		t.Fatal(err)
	}
	var out tape
	s.SetSink(&out)
	s.SetScreen(func(b []byte, more bool) int {
		if more {
			return min(len(b), 512)
		}
		return 0
	})
	for err == nil {
		if _, err = s.Next(); err == nil {
			err = s.Pass()
		}
	}
	if err := s.Flush(); err != nil || !bytes.HasPrefix(out.Bytes(), whole) || !out.cut || s.Whole() {
		t.Errorf("%d bytes, cut: %v, whole: %v, %v", out.Len(), out.cut, s.Whole(), err)
	}
}

func TestWhatIsReplacedNeverPasses(t *testing.T) {
	big := strings.Repeat("secret", 40_000)
	in := append(append(append(message('a', "1"), message('b', big)...), message('c', "2")...), message('b', "secret")...)
	want := append(append(append(message('a', "1"), "new"...), message('c', "2")...), "new"...)
	for name, src := range readers(in) {
		s, err := NewStream(src, nil, NewPool())
		if err != nil {
			t.Fatal(err)
		}
		var out tape
		s.SetSink(&out)
		for range 4 {
			m, err := s.Next()
			if err != nil {
				t.Fatal(err)
			}
			if m.Type == 'b' {
				err = s.Replace([]byte("new"))
			} else {
				err = s.Pass()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), want) {
			t.Errorf("%s: %.80q", name, out.Bytes())
		}
	}
}

func TestAheadKeepsTheMessage(t *testing.T) {
	in := append(message('Q', "hello\x00"), message('X', strings.Repeat("y", 300_000))...)
	s, err := NewStream(iotest.HalfReader(bytes.NewReader(in)), nil, NewPool())
	if err != nil {
		t.Fatal(err)
	}
	var out tape
	s.SetSink(&out)
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		err = s.Ahead()
	}
	if !Full(err) {
		t.Fatal(err)
	}
	if body, err := s.Body(); err != nil || string(body) != "hello\x00" {
		t.Errorf("%q, %v", body, err)
	}
	if err := s.Pass(); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Next(); err != nil || m.Type != 'X' {
		t.Fatalf("%v, %v", m, err)
	}
	if err := s.Pass(); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(); err != nil || !bytes.Equal(out.Bytes(), in) {
		t.Errorf("%d bytes of %d, %v", out.Len(), len(in), err)
	}
}

func TestAnIdleStreamHoldsNoLargeBuffer(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	s, err := NewStream(r, nil, NewPool())
	if err != nil {
		t.Fatal(err)
	}
	s.SetSink(&tape{})
	go func() {
		w.Write(message('D', strings.Repeat("x", 100_000)))
		w.Write(message('Z', "I"))
		w.Close()
	}()
	for range 2 {
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
		if err := s.Pass(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Next(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if s.pooled != nil || len(s.buf) != idleSize {
		t.Errorf("a buffer of %d bytes while nothing flows", len(s.buf))
	}
}

// A burst is read into the large buffer as long as data flow, and the buffer goes
// back with the first message that is none.
func TestDataKeepTheLargeBuffer(t *testing.T) {
	burst := bytes.Repeat(message('D', strings.Repeat("x", 200)), 40)
	end := message('Z', "I")
	r := &bursts{list: [][]byte{burst, burst, burst, append(bytes.Clone(burst), end...), nil}}
	s, err := NewStream(r, nil, NewPool())
	if err != nil {
		t.Fatal(err)
	}
	var out tape
	s.SetSink(&out)
	rows := 0
	for {
		m, err := s.Next()
		if err != nil {
			break
		}
		if err := s.Pass(); err != nil {
			t.Fatal(err)
		}
		if m.Type == 'D' {
			more, n := s.PassAlike('D', nil)
			rows += 1 + more
			if n != more*m.Size {
				t.Fatalf("%d bytes of %d rows", n, more)
			}
		}
	}
	if want := append(bytes.Repeat(burst, 4), end...); rows != 160 || !bytes.Equal(out.Bytes(), want) {
		t.Errorf("%d rows, %d bytes of %d", rows, out.Len(), len(want))
	}
	if r.reads > 6 {
		t.Errorf("%d reads for 4 bursts", r.reads)
	}
	if s.pooled != nil || len(s.buf) != idleSize {
		t.Errorf("a buffer of %d bytes while nothing flows", len(s.buf))
	}
}

// bursts gives what it has burst by burst.
type bursts struct {
	list  [][]byte
	reads int
}

func (b *bursts) Read(p []byte) (int, error) {
	if len(b.list[0]) == 0 {
		if b.list = b.list[1:]; len(b.list) == 0 {
			return 0, io.EOF
		}
	}
	b.reads++
	n := copy(p, b.list[0])
	b.list[0] = b.list[0][n:]
	return n, nil
}

func TestLengthsThatCannotBe(t *testing.T) {
	for _, n := range []uint32{0, 1, 3, 1 << 30, 1 << 31, 1<<32 - 1} {
		b := []byte{'Q', 0, 0, 0, 0}
		binary.BigEndian.PutUint32(b[1:], n)
		s, err := NewStream(bytes.NewReader(b), nil, NewPool())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Next(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d: %v", n, err)
		}
	}
}

func TestOptions(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"-c a=b":                       "a=b",
		"-ca=b  --c-d=e":               "a=b c_d=e",
		`-c search_path=a,\ b`:         "search_path=a, b",
		`--x=\\`:                       `x=\`,
		"-c":                           "error",
		"-c a":                         "error",
		"-W 5":                         "error",
		"plain":                        "error",
		"--=b":                         "error",
		"-c a=b\t-c\nd=e":              "a=b d=e",
		`-c a=b\`:                      "a=b",
		"--default-transaction-x=o=f ": "default_transaction_x=o=f",
	} {
		list, err := ParseOptions(text)
		var words []string
		for _, p := range list {
			words = append(words, p.Name+"="+p.Value)
		}
		got := strings.Join(words, " ")
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestEncodeStartup(t *testing.T) {
	for _, c := range []struct {
		name string
		list []Parameter
		want string // without length and version; "" is an error
	}{
		{"in order", []Parameter{{"user", "u"}, {"b", "2"}, {"a", "1"}}, "user\x00u\x00b\x002\x00a\x001\x00\x00"},
		{"the last one of a name counts", []Parameter{{"Lock_Timeout", "0"}, {"x", ""}, {"lock_timeout", "5"}}, "x\x00\x00lock_timeout\x005\x00\x00"},
		{"a name that ends the packet", []Parameter{{"", "x"}}, ""},
		{"a value that hides another", []Parameter{{"a", "1\x00role\x00root"}}, ""},
		{"too long", []Parameter{{"a", strings.Repeat("x", MaxStartup)}}, ""},
	} {
		b, err := EncodeStartup(Version32, c.list)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: %q", c.name, b)
			}
			continue
		}
		if err != nil || string(b[8:]) != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, b, err, c.want)
		}
		if s, err := ParseStartup(b); err != nil || s.Version != Version32 {
			t.Errorf("%s: read back as %+v, %v", c.name, s, err)
		}
	}
}

func FuzzStartup(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x12\x00\x03\x00\x00user\x00a\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01\x00\x00\x00\x02"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseStartup(b); err == nil {
			if s.Version>>16 != 3 {
				t.Errorf("version %x", s.Version)
			}
			for _, p := range s.Parameters {
				if p.Name == "" || strings.Contains(p.Name+p.Value, "\x00") {
					t.Errorf("parameter %q", p)
				}
			}
			if again, err := EncodeStartup(s.Version, s.Parameters); err != nil || len(again) > len(b) {
				t.Errorf("encoded as %q, %v", again, err)
			}
			if _, err := ParseOptions(s.Get("options")); err != nil {
				return
			}
		}
		if c, err := ParseCancel(b); err == nil && (len(c.Secret) < 4 || len(c.Secret) > 256) {
			t.Errorf("a secret of %d bytes", len(c.Secret))
		}
	})
}

func FuzzOptions(f *testing.F) {
	f.Add(`-c search_path=a,\ b --x=\\`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseOptions(text)
		if err != nil {
			return
		}
		for _, p := range list {
			if p.Name == "" || strings.ContainsAny(p.Name, "=-") {
				t.Errorf("%q gives %q", text, p)
			}
		}
	})
}

// FuzzBodies holds that no body of a message panics, and that what is read is
// part of it.
func FuzzBodies(f *testing.F) {
	f.Add([]byte("p\x00s\x00\x00\x00\x00\x01\x00\x00\x00\x01a\x00\x00"))
	f.Add([]byte("SERROR\x00C42601\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		QueryText(b)
		ParseText(b)
		Target(b)
		ExecutePortal(b)
		Field(b, 'C')
		Pair(b)
		_, _, rest, err := BindNames(b)
		if err != nil {
			return
		}
		Types(b)
		values, _ := Values(rest)
		n := 0
		for _, v := range values {
			n += len(v.Bytes)
		}
		if n > len(rest) {
			t.Errorf("%d bytes of values in %d", n, len(rest))
		}
	})
}

// FuzzStream holds that whatever arrives, however it is cut, either passes
// unchanged or is malformed, and that what is dropped never passes.
func FuzzStream(f *testing.F) {
	f.Add(append(message('Q', "SELECT 1\x00"), message('S', "")...), uint8(3))
	f.Add(message('D', strings.Repeat("x", 3000)), uint8(200))
	pool := NewPool()
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		s, err := NewStream(&stepReader{b: b, step: int(step) + 1}, nil, pool)
		if err != nil {
			t.Fatal(err)
		}
		var out tape
		s.SetSink(&out)
		want := 0
		for {
			m, err := s.Next()
			if err != nil {
				break
			}
			if m.Type == 0 {
				if s.Drop() != nil {
					break
				}
				continue
			}
			if m.Type%2 == 0 {
				s.Peek(100)
			}
			if s.Pass() != nil {
				break
			}
			_, more := s.PassAlike(m.Type, nil)
			want += m.Size + more
		}
		s.Flush()
		if s.Whole() && out.Len() != want {
			t.Errorf("%d bytes passed, want %d", out.Len(), want)
		}
		if len(s.buf) > max(2*len(b), flowSize) {
			t.Errorf("a buffer of %d for %d bytes", len(s.buf), len(b))
		}
	})
}

type stepReader struct {
	b    []byte
	step int
}

func (r *stepReader) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b[:min(r.step, len(r.b))])
	r.b = r.b[n:]
	return n, nil
}
