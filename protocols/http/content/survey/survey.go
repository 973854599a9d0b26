// Package survey goes over the documents of an answer before they are masked, and finds
// the secrets whose names stand away from them. Nobody judges by what it finds.
package survey

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"sallyport.dev/sallyport/protocols/http/normal"
)

// Bounds of a document, and of the name of a column.
const (
	maxDepth = 64
	longest  = 64
)

var errUnclear = errors.New("it is no document")

// A Survey goes over a document before it is masked, and finds the secrets whose names
// stand elsewhere: beside them, as {"name": …, "value": …}, or above them, as in a table.
// Its zero value is ready, for one document or for several of one body.
type Survey struct {
	Lines   bool // several: a list is a row of a table
	heading bool // what may be the name of a column is that of a secret
	rows    bool // a list stands in a list
	doubt   bool // cells came before the names of columns, which a cut may hide
	titled  bool // names came that may be those of columns
	last    string
	d       *json.Decoder
	secrets []int // where the values of secret names begin, behind their own: sorted
}

// Of looks at text, as far as that is a document.
func (s *Survey) Of(text []byte, whole bool) {
	s.d, s.secrets = json.NewDecoder(bytes.NewReader(text)), s.secrets[:0]
	s.d.UseNumber()
	s.value("", 0, false, !whole) //nolint:errcheck // whoever masks the text finds the same
	slices.Sort(s.secrets)
}

// Table reports whether there are values in columns, away from the name of a secret.
func (s *Survey) Table(whole bool) bool {
	return s.heading && s.rows || s.doubt && !whole
}

// Secret reports whether the value is one that stands behind the name that ends at at.
func (s *Survey) Secret(at int) bool {
	if s == nil {
		return false
	}
	_, found := slices.BinarySearch(s.secrets, at)
	return found
}

// value looks at one value, in a list or a member of this name; cut, it may break off.
func (s *Survey) value(name string, depth int, list, cut bool) error {
	if depth > maxDepth {
		return errUnclear
	}
	t, err := s.d.Token()
	if err != nil {
		return err
	}
	s.last = ""
	switch t := t.(type) {
	case string:
		s.last = t
		if list || titles(name) {
			s.titled = true
			s.heading = s.heading || len(t) <= longest && strings.Count(t, " ") < 3 && normal.SecretName(t)
		}
	case json.Delim:
		if t == '{' {
			err = s.object(depth, cut)
		} else {
			err = s.list(depth, list, cut)
		}
		s.last = ""
	}
	return err
}

func (s *Survey) list(depth int, inList, cut bool) error {
	if inList || s.Lines && depth == 0 {
		s.rows, s.doubt = true, s.doubt || !s.titled
	}
	for s.d.More() {
		if err := s.value("", depth+1, true, cut); err != nil {
			return err
		}
	}
	_, err := s.d.Token()
	return err
}

// object notes the values of an object that has the name of a secret beside them. Of one
// that is not there whole the name may have been cut off.
func (s *Survey) object(depth int, cut bool) error {
	var values []int
	named, secret := false, false
	err := s.members(func(name string) error {
		if holds(name) {
			values = append(values, int(s.d.InputOffset()))
		}
		err := s.value(name, depth+1, false, cut)
		if err == nil && s.last != "" && names(name) {
			named, secret = true, secret || normal.SecretName(s.last)
		}
		return err
	})
	if secret || err != nil && cut && !named {
		s.secrets = append(s.secrets, values...)
	}
	return err
}

// members calls member behind the name of each member.
func (s *Survey) members(member func(name string) error) error {
	for s.d.More() {
		t, err := s.d.Token()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok {
			return errUnclear
		}
		if err := member(name); err != nil {
			return err
		}
	}
	_, err := s.d.Token()
	return err
}

// names reports whether a member of this name holds the name of what stands beside it.
func names(member string) bool {
	switch strings.ToLower(member) {
	case "name", "key", "field", "variable", "var", "parameter", "param", "header", "property", "attribute", "option", "setting", "label", "k":
		return true
	}
	return false
}

// titles reports whether a member of this name may hold the name of a column.
func titles(member string) bool {
	switch strings.ToLower(member) {
	case "title", "id", "column", "column_name":
		return true
	}
	return names(member)
}

// holds reports whether a member of this name holds what names tells the name of.
func holds(member string) bool {
	member = strings.ToLower(member)
	switch member {
	case "val", "v", "default", "content", "data", "text":
		return true
	}
	return strings.Contains(member, "value")
}
