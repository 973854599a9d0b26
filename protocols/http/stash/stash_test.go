package stash

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

func random(n int) []byte {
	b := make([]byte, n)
	c := rand.NewChaCha8([32]byte{1})
	c.Read(b)
	return b
}

func TestWhatIsPutInComesOut(t *testing.T) {
	for _, n := range []int{0, 1, firstRead, Near - 1, Near, Near + 1, Near + chunk, Near + chunk + 1, Near + 3*chunk - 1, 1 << 20} {
		body := random(n)
		for name, r := range map[string]io.Reader{
			"at once": bytes.NewReader(body), "byte by byte": iotest.OneByteReader(bytes.NewReader(body)), "with its end": iotest.DataErrReader(bytes.NewReader(body)),
		} {
			s, err := Keep(r, int64(n), t.TempDir())
			if err != nil {
				t.Fatalf("%d bytes %s: %v", n, name, err)
			}
			for range 2 {
				if got, err := io.ReadAll(s.Reader()); err != nil || !bytes.Equal(got, body) || s.Size() != int64(n) {
					t.Errorf("%d bytes %s: %d came out (%v)", n, name, len(got), err)
				}
			}
			if len(s.Near()) != min(n, Near) || n < Near && cap(s.near) > n+16 {
				t.Errorf("%d of %d bytes near, in %d", len(s.Near()), n, cap(s.near))
			}
			s.Close()
		}
	}
}

func TestTheLimitHolds(t *testing.T) {
	for _, limit := range []int{10, Near, Near + 10, Near + chunk} {
		if _, err := Keep(bytes.NewReader(random(limit+1)), int64(limit), t.TempDir()); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d bytes of %d: %v", limit+1, limit, err)
		}
	}
}

func TestABodyThatBreaksOffIsNone(t *testing.T) {
	for _, n := range []int{5, Near + 5, Near + chunk + 5} {
		broken := io.MultiReader(bytes.NewReader(random(n)), iotest.ErrReader(io.ErrUnexpectedEOF)) // as net/http has it
		if _, err := Keep(broken, 1<<20, t.TempDir()); err == nil {
			t.Errorf("%d bytes and an error are a body", n)
		}
	}
}

func TestT40_AKeptBodyCannotBeReadOrChanged(t *testing.T) {
	dir := t.TempDir()
	body := bytes.Repeat([]byte("transfer 5 to bob; "), 20_000)
	s, err := Keep(bytes.NewReader(body), 1<<20, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Errorf("a name leads to it: %v %v", names, err)
	}
	raw := make([]byte, 8*chunk)
	n, _ := s.file.ReadAt(raw, 0)
	if n < chunk || bytes.Contains(raw[:n], []byte("transfer")) {
		t.Errorf("the %d bytes on the disk can be read", n)
	}
	for name, change := range map[string]func([]byte) []byte{
		"a bit": func(b []byte) []byte { b[100] ^= 1; return b },
		"the order of two chunks": func(b []byte) []byte {
			size := chunk + s.seal.Overhead()
			return append(append(bytes.Clone(b[size:2*size]), b[:size]...), b[2*size:]...)
		},
		"its end": func(b []byte) []byte { return b[:len(b)-10] },
	} {
		changed := change(bytes.Clone(raw[:n]))
		s.file.Truncate(0)
		s.file.WriteAt(changed, 0)
		if got, err := io.ReadAll(s.Reader()); err == nil {
			t.Errorf("changed in %s, it is read as %d bytes", name, len(got))
		}
		s.file.WriteAt(raw[:n], 0)
	}
	if got, err := io.ReadAll(s.Reader()); err != nil || !bytes.Equal(got, body) {
		t.Errorf("put back: %v", err)
	}
}

// What is held takes the memory that was reserved for it, and no more.
func TestHeldBodyFitsItsRoom(t *testing.T) {
	for _, n := range []int{0, 1, 100, firstHold - 1, firstHold, firstHold + 1, 100000, 256 << 10} {
		for _, stated := range []int64{int64(n), -1} {
			held, err := Hold(bytes.NewReader(make([]byte, n)), stated, 256<<10)
			if err != nil || held == nil || len(held) != n || cap(held) > max(256<<10, n) || stated >= 0 && cap(held) > n {
				t.Errorf("%d bytes, stated %d: %d of %d, %v", n, stated, len(held), cap(held), err)
			}
		}
	}
	if _, err := Hold(bytes.NewReader(make([]byte, 101)), -1, 100); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte too many: %v", err)
	}
	if _, err := Hold(io.MultiReader(strings.NewReader("abc"), badReader{}), -1, 100); err == nil {
		t.Error("a broken body was held")
	}
}

type badReader struct{}

func (badReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
