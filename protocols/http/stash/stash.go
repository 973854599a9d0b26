// Package stash keeps the body of a request that waits to be approved: its
// beginning in memory, the rest in a file without a name, sealed under a key that
// nobody else has. What was put in is what comes out, or nothing.
package stash

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

const (
	// Near is what is kept in memory: more than nearly every request that asks for
	// an approval has.
	Near      = 8 << 10
	chunk     = 64 << 10 // sealed as one
	firstRead = 2 << 10
)

// ErrTooLarge means that there was more than the limit.
var ErrTooLarge = errors.New("the body is larger than what may be kept")

// A Stash is one body. Whoever has it closes it; the last one ends it.
type Stash struct {
	near []byte
	size int64
	file *os.File // nil: all of it is near
	seal cipher.AEAD

	mu    sync.Mutex
	users int    // guarded by mu
	then  func() // guarded by mu
}

// Keep reads r to its end and keeps it; limit bounds that. dir is where the file
// goes, "" for the system's. It blocks as long as r does.
func Keep(r io.Reader, limit int64, dir string) (_ *Stash, err error) {
	s := &Stash{users: 1}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	over := io.LimitReader(r, limit+1)
	near, err := readNear(over)
	if s.near, s.size = near, int64(len(near)); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("body: %w", err)
	}
	if err == nil {
		if err := s.spill(over, dir); err != nil {
			return nil, err
		}
	}
	if s.size > limit {
		return nil, ErrTooLarge
	}
	return s, nil
}

// readNear reads what stays in memory, in a slice that is no larger than it; io.EOF
// says that this was all.
func readNear(r io.Reader) ([]byte, error) {
	b := make([]byte, 0, firstRead)
	for len(b) < Near {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(2*cap(b), Near)), b...)
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err != nil {
			return bytes.Clone(b), err
		}
	}
	return b, nil
}

// spill seals the rest of r into a file that no name leads to.
func (s *Stash) spill(r io.Reader, dir string) error {
	buf := make([]byte, chunk)
	var sealed []byte
	for i := uint64(0); ; i++ {
		n, err := fill(r, buf)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("body: %w", err)
		}
		if n > 0 && s.file == nil {
			if err := s.create(dir); err != nil {
				return err
			}
		}
		if n > 0 {
			sealed = s.seal.Seal(sealed[:0], nonce(i), buf[:n], nil)
			if _, err := s.file.Write(sealed); err != nil {
				return fmt.Errorf("keep a body: %w", err)
			}
			s.size += int64(n)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
}

// fill reads until b is full or r fails. Unlike io.ReadFull it tells a body that
// broke off, which is io.ErrUnexpectedEOF, from its end.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// create makes the file and the key.
func (s *Stash) create(dir string) error {
	f, err := os.CreateTemp(dir, "sallyport-")
	if err != nil {
		return fmt.Errorf("keep a body: %w", err)
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("keep a body: %w", err)
	}
	var key [32]byte
	rand.Read(key[:]) //nolint:errcheck // crypto/rand.Read never returns an error
	block, err := aes.NewCipher(key[:])
	clear(key[:])
	if err != nil {
		return fmt.Errorf("keep a body: %w", err)
	}
	if s.seal, err = cipher.NewGCM(block); err != nil {
		return fmt.Errorf("keep a body: %w", err)
	}
	return nil
}

// nonce counts: the key is for one file, and each chunk of it is sealed once.
func nonce(i uint64) []byte {
	var n [12]byte
	binary.BigEndian.PutUint64(n[4:], i)
	return n[:]
}

// Size is the length of the body.
func (s *Stash) Size() int64 { return s.size }

// Near is the beginning of the body, at most Near bytes. It is not to be changed.
func (s *Stash) Near() []byte { return s.near }

// Reader reads the body from its beginning. It fails at what is not as it was put
// in.
func (s *Stash) Reader() io.Reader {
	near := bytes.NewReader(s.near)
	if s.file == nil {
		return near
	}
	return io.MultiReader(near, &far{s: s, left: s.size - int64(len(s.near))})
}

// Share gives the body to one more user, who closes it; false: it has ended.
func (s *Stash) Share() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 {
		return false
	}
	s.users++
	return true
}

// Then has f called when the body ends.
func (s *Stash) Then(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.then = f
}

// Close is for one user; behind the last one the body is forgotten.
func (s *Stash) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users != 0 {
		return
	}
	if s.then != nil {
		s.then()
	}
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
	s.near = nil
}

// far reads what is in the file.
type far struct {
	s     *Stash
	i     uint64
	left  int64
	plain []byte // not yet given
}

func (f *far) Read(b []byte) (int, error) {
	if len(f.plain) == 0 {
		if f.left == 0 {
			return 0, io.EOF
		}
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, f.plain)
	f.plain = f.plain[n:]
	return n, nil
}

// next opens one chunk.
func (f *far) next() error {
	n := min(f.left, chunk)
	sealed := make([]byte, int(n)+f.s.seal.Overhead())
	at := int64(f.i) * int64(chunk+f.s.seal.Overhead())
	if _, err := f.s.file.ReadAt(sealed, at); err != nil {
		return fmt.Errorf("read a kept body: %w", err)
	}
	plain, err := f.s.seal.Open(sealed[:0], nonce(f.i), sealed, nil)
	if err != nil {
		return fmt.Errorf("a kept body was changed: %w", err)
	}
	f.plain, f.left = plain, f.left-n
	f.i++
	return nil
}
