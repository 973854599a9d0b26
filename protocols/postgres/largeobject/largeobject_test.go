package largeobject

import (
	"testing"

	"sallyport.dev/sallyport/action"

	"github.com/jackc/pgx/v5/pgproto3"
)

// call makes the body of a call with arguments in binary format.
func call(t *testing.T, oid uint32, format uint16, arguments ...[]byte) []byte {
	t.Helper()
	b, err := (&pgproto3.FunctionCall{Function: oid, ArgFormatCodes: []uint16{format}, Arguments: arguments, ResultFormatCode: 1}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b[5:]
}

func TestWhatACallDoes(t *testing.T) {
	object, read, write, both := []byte{0, 0, 0, 7}, []byte{0, 4, 0, 0}, []byte{0, 2, 0, 0}, []byte{0, 6, 0, 0}
	const r, w = action.EffectRead, action.EffectRead | action.EffectWrite
	for _, c := range []struct {
		name string
		body []byte
		want string
		does action.Effects
	}{
		{"open to read", call(t, 952, 1, object, read), "lo_open", r},
		{"open to write", call(t, 952, 1, object, write), "lo_open", w},
		{"open for both", call(t, 952, 1, object, both), "lo_open", w},
		{"open with the mode in letters", call(t, 952, 0, object, []byte("2621")), "lo_open", w},
		{"open with no mode", call(t, 952, 1, object), "lo_open", w},
		{"open with the mode NULL", call(t, 952, 1, object, nil), "lo_open", w},
		{"open with too much", call(t, 952, 1, object, read, write), "lo_open", w},
		{"open, cut off", call(t, 952, 1, object, read)[:20], "lo_open", w},
		{"read", call(t, 954, 1, object, object), "loread", r},
		{"write", call(t, 955, 1, object, object), "lowrite", w},
		{"remove", call(t, 964, 1, object), "lo_unlink", r | action.EffectDestructive | action.EffectAdmin},
		{"a file of the server", call(t, 764, 1, []byte("/etc/passwd")), "lo_import", r | action.EffectAdmin},
		{"another function", call(t, 1598, 1), "", 0},
		{"nothing", nil, "", 0},
	} {
		name, does, ok := Read(c.body)
		if name != c.want || does != c.does || ok != (c.want != "") {
			t.Errorf("%s: %s (%s)", c.name, name, does)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("\x00\x00\x03\xb8\x00\x01\x00\x01\x00\x02"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, does, ok := Read(body); ok && does&action.EffectRead == 0 {
			t.Errorf("it does %s", does)
		}
	})
}
