package rows

import (
	"errors"
	"net"
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
