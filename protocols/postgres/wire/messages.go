package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// QueryText gives the text of a Query body: exactly one NUL, at the end.
func QueryText(body []byte) (string, error) {
	i := bytes.IndexByte(body, 0)
	if i < 0 || i != len(body)-1 {
		return "", fmt.Errorf("%w: a query must end with its only NUL", ErrMalformed)
	}
	return string(body[:i]), nil
}

// ParseText gives the statement name, the text and the types of a Parse body.
func ParseText(body []byte) (name, text string, types []uint32, err error) {
	name, rest, ok := cstring(body)
	if !ok {
		return "", "", nil, fmt.Errorf("%w: Parse without a name", ErrMalformed)
	}
	text, rest, ok = cstring(rest)
	if ok {
		types, ok = Types(rest)
	}
	if !ok {
		return "", "", nil, fmt.Errorf("%w: Parse of a wrong length", ErrMalformed)
	}
	return name, text, types, nil
}

// MaxTypes bounds the types of parameters that are kept.
const MaxTypes = 1000

// Types gives the types of parameters that stand in a ParameterDescription, or behind
// the text of a Parse; nil if there are more than MaxTypes. ok is false if the bytes
// do not add up.
func Types(b []byte) (types []uint32, ok bool) {
	if len(b) < 2 || len(b) != 2+4*int(binary.BigEndian.Uint16(b)) {
		return nil, false
	}
	if len(b) > 2+4*MaxTypes {
		return nil, true
	}
	for b = b[2:]; len(b) > 0; b = b[4:] {
		types = append(types, binary.BigEndian.Uint32(b))
	}
	return types, true
}

// BindNames gives the portal and the statement of a Bind body or of its
// beginning, and the bytes behind them.
func BindNames(body []byte) (portal, statement string, rest []byte, err error) {
	portal, rest, ok := cstring(body)
	if ok {
		statement, rest, ok = cstring(rest)
	}
	if !ok {
		return "", "", nil, fmt.Errorf("%w: Bind without its names", ErrMalformed)
	}
	return portal, statement, rest, nil
}

// A Value is one parameter of a Bind or one argument of a call.
type Value struct {
	Bytes        []byte
	Null, Binary bool
	Type         uint32 // as pg_type numbers it; 0 where the server finds out itself
}

// Values gives what stands behind the names of a Bind, or behind the number of a
// function. ok is false if the bytes do not add up.
func Values(rest []byte) (values []Value, ok bool) {
	formats, rest, ok := uint16s(rest)
	if !ok || len(rest) < 2 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(rest))
	rest = rest[2:]
	if n*4 > len(rest) || len(formats) > 1 && len(formats) != n {
		return nil, false
	}
	values = make([]Value, n)
	for i := range values {
		if len(rest) < 4 {
			return nil, false
		}
		size := int32(binary.BigEndian.Uint32(rest))
		rest = rest[4:]
		switch len(formats) {
		case 0:
		case 1:
			values[i].Binary = formats[0] != 0
		default:
			values[i].Binary = formats[i] != 0
		}
		if size < 0 {
			values[i].Null = true
			continue
		}
		if int(size) > len(rest) {
			return nil, false
		}
		values[i].Bytes, rest = rest[:size], rest[size:]
	}
	return values, true
}

// Target gives the kind ('S' or 'P') and the name in a Close or Describe body.
func Target(body []byte) (kind byte, name string, err error) {
	if len(body) < 2 || body[0] != 'S' && body[0] != 'P' || bytes.IndexByte(body, 0) != len(body)-1 {
		return 0, "", fmt.Errorf("%w: no statement or portal is named", ErrMalformed)
	}
	return body[0], string(body[1 : len(body)-1]), nil
}

// ExecutePortal gives the portal of an Execute body.
func ExecutePortal(body []byte) (string, error) {
	name, rest, ok := cstring(body)
	if !ok || len(rest) != 4 {
		return "", fmt.Errorf("%w: Execute of a wrong length", ErrMalformed)
	}
	return name, nil
}

// Field gives one field of the body of an error or a notice, or of its
// beginning; "" if it is not there.
func Field(body []byte, code byte) string {
	for len(body) > 0 && body[0] != 0 {
		value, rest, ok := cstring(body[1:])
		if !ok {
			return ""
		}
		if body[0] == code {
			return value
		}
		body = rest
	}
	return ""
}

// Pair gives the two strings of a ParameterStatus body.
func Pair(body []byte) (name, value string, ok bool) {
	name, rest, ok := cstring(body)
	if !ok {
		return "", "", false
	}
	value, _, ok = cstring(rest)
	return name, value, ok
}

func uint16s(b []byte) (list []uint16, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	if len(b) < 2*n {
		return nil, nil, false
	}
	for i := range n {
		list = append(list, binary.BigEndian.Uint16(b[2*i:]))
	}
	return list, b[2*n:], true
}
