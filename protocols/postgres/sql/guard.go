package sql

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"sallyport.dev/sallyport/protocols/postgres/sql/lex"
)

// maxText bounds a text in bytes: the C parser cannot be interrupted, so its
// time is bounded by what it is given.
const maxText = 1 << 20

// ErrSyntax means that a text is no SQL at all: the server would say the same.
var ErrSyntax = errors.New("the statement does not parse as PostgreSQL")

// A SyntaxError is an ErrSyntax, and where it is.
type SyntaxError struct {
	Message string // the grammar's
	Char    int    // the character of the text at which it stands, from 1; 0: not known
}

func (e *SyntaxError) Error() string { return ErrSyntax.Error() + ": " + e.Message }

// Is makes it an ErrSyntax.
func (e *SyntaxError) Is(target error) bool { return target == ErrSyntax }

// Reasons, for the agent that reads them.
var (
	errNUL   = errors.New("the statement holds a NUL byte")
	errUTF8  = errors.New("the statement is not valid UTF-8")
	errNames = errors.New("the statement holds a name with a character outside ASCII, and the database's encoding is not UTF8: " +
		"which name it reads cannot be told for certain; put it in double quotes, with at most 63 bytes")
	errBackslash = errors.New("the statement holds a backslash, and the server has not confirmed standard_conforming_strings = on: " +
		"its end cannot be told for certain; set it on, or send the value as a parameter")
	errEncoding = errors.New("the statement holds a character outside ASCII, and the server has not confirmed client_encoding = UTF8: " +
		"its end cannot be told for certain; set it to UTF8, or send the value as a parameter")
)

// check refuses what server and grammar might read differently. A text without a
// backslash means the same under both settings of standard_conforming_strings,
// one of ASCII only means the same in every encoding.
func check(text string, s *Session) error {
	if len(text) > maxText {
		return fmt.Errorf("the statement is %d bytes long; at most %d can be checked: send less at a time, or use COPY", len(text), maxText)
	}
	if strings.IndexByte(text, 0) >= 0 {
		return errNUL
	}
	backslash := strings.IndexByte(text, '\\') >= 0
	bits := byte(0)
	for i := 0; i < len(text); i++ {
		bits |= text[i]
	}
	high := bits >= utf8.RuneSelf
	switch {
	case backslash && !s.StandardStrings:
		return errBackslash
	case high && !s.UTF8:
		return errEncoding
	case high && !utf8.ValidString(text):
		return errUTF8
	case s.LocalNames && (high || backslash) && lex.LocalNames(text):
		return errNames
	}
	return nil
}
