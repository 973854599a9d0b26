package rows

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// FuzzAnswer reads what a server may answer.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("D\x00\x00\x00\x0f\x00\x02\x00\x00\x00\x01a\xff\xff\xff\xffZ\x00\x00\x00\x05I"))
	f.Add([]byte("E\x00\x00\x00\x05\x00Z\x00\x00\x00\x05I"))
	pool := wire.NewPool()
	f.Fuzz(func(t *testing.T, answer []byte) {
		in, err := wire.NewStream(strings.NewReader(string(answer)), nil, pool)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Release()
		s := &Source{Conn: deaf{}, In: in}
		s.Ask("SELECT", 2, func(row []string) {
			if len(row) != 2 {
				t.Errorf("a row of %d", len(row))
			}
		})
	})
}

// deaf takes everything.
type deaf struct{ net.Conn }

func (deaf) Write(b []byte) (int, error) { return len(b), nil }

func TestAnAnswerBeyondTheBoundsIsRefused(t *testing.T) {
	row := "D\x00\x00\x00\x0b\x00\x01\x00\x00\x00\x01a"
	in, err := wire.NewStream(strings.NewReader(row), nil, wire.NewPool())
	if err != nil {
		t.Fatal(err)
	}
	defer in.Release()
	s := &Source{Conn: deaf{}, In: in, Rows: MaxRows}
	if err := s.Ask("SELECT", 1, func([]string) {}); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// endless gives a head, and then zeroes as long as somebody reads.
type endless struct{ head *strings.Reader }

func (e endless) Read(b []byte) (int, error) {
	if e.head.Len() > 0 {
		return e.head.Read(b)
	}
	clear(b)
	return len(b), nil
}

// A row that is too large to be held is not held, whatever its header says; of rows
// that are dropped none is.
func TestT53_ARowOfAnySizeIsNotHeld(t *testing.T) {
	ask := func(src io.Reader, how func(*Source) error) (grown uint64, err error) {
		in, err := wire.NewStream(src, nil, wire.NewPool())
		if err != nil {
			t.Fatal(err)
		}
		defer in.Release()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err = how(&Source{Conn: deaf{}, In: in})
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc, err
	}
	const size = 64 << 20
	head := "D" + string(binary.BigEndian.AppendUint32(nil, size+4))
	grown, err := ask(endless{strings.NewReader(head)}, func(s *Source) error { return s.Ask("EXPLAIN", 1, func([]string) {}) })
	if !errors.Is(err, ErrTooLarge) || grown > size/8 {
		t.Errorf("%d bytes for a row that is refused: %v", grown, err)
	}
	whole := io.MultiReader(strings.NewReader(head), io.LimitReader(endless{strings.NewReader("")}, size), strings.NewReader("C\x00\x00\x00\x0dUPDATE 1\x00Z\x00\x00\x00\x05I"))
	grown, err = ask(whole, func(s *Source) error {
		tag, err := s.Run("UPDATE", nil)
		if tag != "UPDATE 1" {
			t.Errorf("tag %q", tag)
		}
		return err
	})
	if err != nil || grown > size/8 {
		t.Errorf("%d bytes for a row that is dropped: %v", grown, err)
	}
}
