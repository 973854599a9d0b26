package known

import (
	"bytes"
	"encoding/json"
)

// A seal holds the fields of one shape as JSON; of a copy, which may have been
// changed, it holds nothing.
type seal struct {
	of     *Shape
	fields []byte
}

// Seal encodes a shape that nobody changes any more, so that Fields need not.
func (s *Shape) Seal() {
	if fields, err := s.encode(); err == nil {
		s.seal = seal{of: s, fields: fields}
	}
}

// Size is what a Seal takes, in bytes.
func (s *Shape) Size() int { return len(s.seal.fields) }

// Fields gives the fields of the JSON object that a shape is, without its braces.
// The bytes are the shape's own.
func (s *Shape) Fields() ([]byte, error) {
	if s.seal.of == s {
		return s.seal.fields, nil
	}
	return s.encode()
}

func (s *Shape) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(bytes.TrimPrefix(b.Bytes(), []byte{'{'}), []byte("}\n")), nil
}
