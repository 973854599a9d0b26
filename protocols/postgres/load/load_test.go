package load

import (
	"encoding/binary"
	"strings"
	"testing"
)

func TestRowsOfText(t *testing.T) {
	for in, want := range map[string]int64{
		"":                0,
		"a":               1,
		"a\n":             1,
		"a\nb":            2,
		"a\tb\nc\td\n":    2,
		"a\r\nb\r\n":      2,
		"a\rb\rc":         3,
		"\n":              1,
		"\n\n\n":          3,
		"\"a\nb\",c\n":    2, // more than CSV makes of it
		"a\n\\.\n":        2,
		"1\n2\n3\n4\n5\n": 5,
	} {
		for size := 1; size <= 4; size++ {
			var m Meter
			pieces(in, size, m.See)
			if got := m.Rows(); got != want {
				t.Errorf("%q by %d: %d, want %d", in, size, got, want)
			}
		}
	}
}

func pieces(in string, size int, see func([]byte)) {
	for len(in) > 0 {
		n := min(size, len(in))
		see([]byte(in[:n]))
		in = in[n:]
	}
}

const signature = "PGCOPY\n\xff\r\n\x00"

// table makes the binary format of rows of fields; nil is NULL.
func table(extension string, rows ...[]any) string {
	b := append([]byte(signature), 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(extension)))
	b = append(b, extension...)
	for _, r := range rows {
		b = binary.BigEndian.AppendUint16(b, uint16(len(r)))
		for _, f := range r {
			s, ok := f.(string)
			if !ok {
				b = append(b, 0xff, 0xff, 0xff, 0xff)
				continue
			}
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
		}
	}
	return string(b)
}

func TestRowsOfTheBinaryFormat(t *testing.T) {
	big := strings.Repeat("\n", 3000)
	for _, c := range []struct {
		name, in string
		want     int64
	}{
		{"nothing", "", 0},
		{"a preamble", table(""), 0},
		{"an extension", table("what comes later", []any{"a"}), 1},
		{"one row", table("", []any{"a", nil}), 1},
		{"rows", table("", []any{big, nil}, []any{nil, ""}, []any{"", big}), 3},
		{"no columns", table("", []any{}, []any{}, []any{}), 3},
		{"the end", table("", []any{"a"}) + "\xff\xff", 1},
		{"beyond the end", table("", []any{"a"}) + "\xff\xff" + strings.Repeat("\x00\x01", 99), 1},
		{"half a row", table("", []any{"a"}) + "\x00\x02\x00\x00\x00\x01a", 2},
	} {
		for _, size := range []int{1, 2, 3, 7, 4096} {
			m := Meter{Binary: true}
			pieces(c.in, size, m.See)
			if got := m.Rows(); got != c.want {
				t.Errorf("%s by %d: %d, want %d", c.name, size, got, c.want)
			}
		}
	}
}

// FuzzMeter holds that the way the data are cut into pieces changes nothing.
func FuzzMeter(f *testing.F) {
	f.Add("a\nb\r", 2, false)
	f.Add(table("x", []any{"a", nil}, []any{"bb"})+"\xff\xff", 3, true)
	f.Fuzz(func(t *testing.T, in string, size int, binary bool) {
		if size < 1 {
			return
		}
		whole, cut := Meter{Binary: binary}, Meter{Binary: binary}
		whole.See([]byte(in))
		pieces(in, size, cut.See)
		if whole.Rows() != cut.Rows() {
			t.Errorf("%d as a whole, %d in pieces", whole.Rows(), cut.Rows())
		}
	})
}
