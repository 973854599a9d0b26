package bound

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf8"
)

// behind makes what stands behind the names of a Bind.
func behind(formats []uint16, values ...string) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(formats)))
	for _, f := range formats {
		b = binary.BigEndian.AppendUint16(b, f)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(values)))
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
		b = append(b, v...)
	}
	return b
}

func TestParams(t *testing.T) {
	text, raw := []uint16{0}, []uint16{1}
	for _, c := range []struct {
		name    string
		types   []uint32
		formats []uint16
		values  []string
		want    string // "?" where it is not known
	}{
		{"none", nil, nil, nil, ""},
		{"text of unknown types", nil, text, []string{"a", "7", "-7", "1.5", "", "on", "7 a", "2027-01-02", "30313233-3435-3637-3839-616263646566"}, "a,7,-7,1.5,,on,7 a,2027-01-02,30313233-3435-3637-3839-616263646566"},
		{"text of unknown types, without a format", nil, nil, []string{"a", "7"}, "a,7"},
		{"what is a number to the server, if it is none to a rule", nil, text, []string{"07"}, "?"},
		{"or so", nil, text, []string{"\t7"}, "?"},
		{"or so", []uint32{0}, text, []string{"+7"}, "?"},
		{"or so", []uint32{1700}, text, []string{"7.0"}, "?"},
		{"or so", []uint32{0}, text, []string{"0x7"}, "?"},
		{"or so", []uint32{0}, text, []string{"70e-1"}, "?"},
		{"or so", []uint32{0}, text, []string{"1_000"}, "?"},
		{"a text may look like a number", []uint32{typeText}, text, []string{"07"}, "07"},
		{"a boolean", []uint32{typeBool}, text, []string{"t"}, "t"},
		{"that the server reads", []uint32{typeBool}, text, []string{"true"}, "?"},
		{"a UUID in capitals", []uint32{typeUUID}, text, []string{"30313233-3435-3637-3839-61626364656F"}, "?"},
		{"or of an unknown type", nil, text, []string{"{30313233-3435-3637-3839-616263646566}"}, "?"},
		{"another encoding", nil, text, []string{"\xfc"}, "?"},
		{"a name that is cut", []uint32{typeName, typeName}, text, []string{"a", strings.Repeat("x", 64)}, "?"},
		{"a number as text", []uint32{typeInt4}, text, []string{"-7"}, "-7"},
		{"a number that is 7 to the server alone", []uint32{typeInt4}, text, []string{"07"}, "?"},
		{"or so", []uint32{typeInt8}, text, []string{" 7"}, "?"},
		{"or so", []uint32{typeInt2}, text, []string{"+7"}, "?"},
		{"or so", []uint32{typeInt2}, text, []string{"0x7"}, "?"},
		{"binary of an unknown type", nil, raw, []string{"a"}, "?"},
		{"binary of type 0", []uint32{0}, raw, []string{"a"}, "?"},
		{"binary text", []uint32{typeText, typeVarchar}, raw, []string{"a", "b"}, "a,b"},
		{"int2", []uint32{typeInt2}, raw, []string{"\xff\xf9"}, "-7"},
		{"int4", []uint32{typeInt4}, raw, []string{"\x00\x00\x00\x07"}, "7"},
		{"int8", []uint32{typeInt8}, raw, []string{"\x80\x00\x00\x00\x00\x00\x00\x00"}, "-9223372036854775808"},
		{"oid", []uint32{typeOID}, raw, []string{"\xff\xff\xff\xff"}, "4294967295"},
		{"of a wrong length", []uint32{typeInt4}, raw, []string{"\x00\x07"}, "?"},
		{"bool", []uint32{typeBool, typeBool}, raw, []string{"\x01", "\x00"}, "t,f"},
		{"uuid", []uint32{typeUUID}, raw, []string{"0123456789abcdef"}, "30313233-3435-3637-3839-616263646566"},
		{"jsonb", []uint32{typeJSONB}, raw, []string{"\x01{}"}, "{}"},
		{"jsonb of another version", []uint32{typeJSONB}, raw, []string{"\x02{}"}, "?"},
		{"one of several", []uint32{typeText, 1184}, raw, []string{"a", "12345678"}, "?"},
		{"mixed", []uint32{typeInt4, 0}, []uint16{1, 0}, []string{"\x00\x00\x00\x07", "x"}, "7,x"},
	} {
		got, ok := Params(behind(c.formats, c.values...), c.types)
		word := strings.Join(got, ",")
		if !ok {
			word = "?"
		}
		if word != c.want {
			t.Errorf("%s: %q, want %q", c.name, word, c.want)
		}
	}
	if got, ok := Params([]byte("\x00\x01\x00\x01\x00\x02\xff\xff\xff\xff\x00\x00\x00\x01a"), []uint32{typeInt4, typeText}); !ok || strings.Join(got, ",") != ",a" {
		t.Errorf("NULL is %q, %v", got, ok)
	}
	for _, short := range []string{"", "\x00\x00", "\x00\x00\x00\x02\x00\x00\x00\x09a", "\x00\x00\xff\xff", "\x00\x02\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01a"} {
		if got, ok := Params([]byte(short), nil); ok {
			t.Errorf("%q is %q", short, got)
		}
	}
}

// What EXECUTE gives is known where every type reads it as it stands there.
func TestSingle(t *testing.T) {
	for _, s := range []string{
		"bob", "o'hara", "Zoë", "a b", "no one", "order", "t", "f", "january", "marta", "user-7", "a@b.example", "https://h/x?a=1", "",
		"30313233-3435-3637-3839-616263646566",
	} {
		if !Single(s) {
			t.Errorf("%q is not known", s)
		}
	}
	for _, s := range []string{
		"yes", " TRUE ", "1", "0", "T", "F", "tr", "off", "Y", "No", `{"bob"}`, "[1:1]={bob}", "(a,b)", `\x626f62`, "bob  ", " bob", "bob\n",
		strings.Repeat("x", 64), "today", "Now", "infinity", "nan", "jan 5 2024", "Monday, 1 May", "j2451187", "P1D", "PT1H", "2024-1-5",
		"20240105", "0x8000000000000000", "07", "7", "$5", "'b':1", "30313233-3435-3637-3839-61626364656F", "\xfc", "a\xfc",
	} {
		if Single(s) {
			t.Errorf("%q is known", s)
		}
	}
}

func FuzzParams(f *testing.F) {
	f.Add(behind([]uint16{1}, "\x00\x00\x00\x07", "x"), []byte{23, 25})
	f.Add(behind(nil, "07"), []byte{20})
	f.Fuzz(func(t *testing.T, rest, types []byte) {
		list := make([]uint32, len(types))
		for i, typ := range types {
			list[i] = uint32(typ)
		}
		values, _ := Params(rest, list)
		for i, v := range values {
			if i < len(list) && v != "" && !AsWritten(list[i], []byte(v)) && utf8.ValidString(v) {
				t.Errorf("%q of type %d", v, list[i])
			}
		}
	})
}
