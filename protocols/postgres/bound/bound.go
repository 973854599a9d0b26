// Package bound reads the values that a Bind gives to a statement, as text: by the
// types of its parameters those in the binary format too. It guesses nothing: what
// it cannot read for certain is not known.
package bound

import (
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// The types whose values are read, as pg_type numbers them.
const (
	typeBool    = 16
	typeName    = 19
	typeInt8    = 20
	typeInt2    = 21
	typeInt4    = 23
	typeText    = 25
	typeOID     = 26
	typeJSON    = 114
	typeUnknown = 705
	typeBPChar  = 1042
	typeVarchar = 1043
	typeUUID    = 2950
	typeJSONB   = 3802
)

// Params gives the values that stand behind the names of a Bind as text, "" for
// NULL. types are those of the parameters, as far as they are known; 0 is not. ok is
// false if one cannot be told: it is in the binary format and of an unknown type,
// or a number that is not written as the server writes it.
func Params(rest []byte, types []uint32) (values []string, ok bool) {
	list, ok := wire.Values(rest)
	if !ok {
		return nil, false
	}
	values = make([]string, len(list))
	for i, v := range list {
		if v.Null {
			continue
		}
		var typ uint32
		if i < len(types) {
			typ = types[i]
		}
		if !v.Binary {
			values[i], ok = string(v.Bytes), AsWritten(typ, v.Bytes)
		} else {
			values[i], ok = text(typ, v.Bytes)
		}
		if !ok {
			return nil, false
		}
	}
	return values, true
}

// AsWritten reports whether a text is written as the server writes it: 07 and +7 are 7
// to it, true is t, and another text to a rule. What the agent keeps the type of, 0, is
// taken for whatever it may be.
func AsWritten(typ uint32, b []byte) bool {
	text := string(b)
	switch typ {
	case typeName:
		return utf8.ValidString(text) && len(text) <= maxName
	case typeText, typeVarchar, typeBPChar, typeJSON, typeJSONB:
		return utf8.ValidString(text)
	case typeInt2, typeInt4, typeInt8, typeOID:
		n, err := strconv.ParseInt(text, 10, 64)
		return err == nil && strconv.FormatInt(n, 10) == text
	case typeBool:
		return text == "t" || text == "f"
	case typeUUID:
		return uuid.MatchString(text) && len(text) == 36
	}
	return utf8.ValidString(text) && !otherNumber(text) && (!uuid.MatchString(strings.ToLower(text)) || len(text) == 36 && uuid.MatchString(text))
}

// uuid is a UUID in any of the spellings that a server takes, in small letters.
var uuid = regexp.MustCompile(`^(\{)?[0-9a-f]{4}(-?[0-9a-f]{4}){7}(\})?$`)

// otherNumber reports whether a text is a number to the server, in another spelling
// than its own.
func otherNumber(text string) bool {
	plain := strings.TrimSpace(text)
	if n, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return strconv.FormatInt(n, 10) != text
	}
	x, err := strconv.ParseFloat(plain, 64)
	return err == nil && !math.IsNaN(x) && !math.IsInf(x, 0) && strconv.FormatFloat(x, 'f', -1, 64) != text
}

// text gives a binary value as the server writes it.
func text(typ uint32, b []byte) (string, bool) {
	switch typ {
	case typeText, typeVarchar, typeBPChar, typeName, typeUnknown, typeJSON:
		return string(b), true
	case typeJSONB:
		if len(b) > 0 && b[0] == 1 { // its version
			return string(b[1:]), true
		}
	case typeBool:
		if len(b) == 1 {
			return map[bool]string{false: "f", true: "t"}[b[0] != 0], true
		}
	case typeUUID:
		if len(b) == 16 {
			return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), true
		}
	case typeInt2, typeInt4, typeInt8, typeOID:
		return integer(typ, b)
	}
	return "", false
}

func integer(typ uint32, b []byte) (string, bool) {
	switch {
	case typ == typeInt2 && len(b) == 2:
		return strconv.Itoa(int(int16(binary.BigEndian.Uint16(b)))), true
	case typ == typeInt4 && len(b) == 4:
		return strconv.Itoa(int(int32(binary.BigEndian.Uint32(b)))), true
	case typ == typeOID && len(b) == 4:
		return strconv.FormatUint(uint64(binary.BigEndian.Uint32(b)), 10), true
	case typ == typeInt8 && len(b) == 8:
		return strconv.FormatInt(int64(binary.BigEndian.Uint64(b)), 10), true
	}
	return "", false
}
