package action

import "strings"

// A Trial is an action that nobody sent: a test block or an explain command. A
// protocol makes an Action of it on the same road as live traffic.
type Trial struct {
	Method  string
	URL     string // absolute, or a path with its query
	Headers map[string]string
	Body    []byte

	SQL      string
	Database string
	User     string
}

// A Misread says why the SQL of a trial may not reach a server, and where it is wrong.
type Misread struct {
	Reason string
	Char   int // the character of the SQL at which it is, from 1; 0: no certain one
}

func (e *Misread) Error() string { return e.Reason }

// A Spot is a place in a text, and the line that it is in.
type Spot struct {
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // in characters, from 1
	Text   string `json:"text"`   // of the line
}

// SpotOf gives the place of a character, counted from 1; behind the end of a text it
// is the end.
func SpotOf(text string, char int) Spot {
	before := []rune(text)
	before = before[:min(max(char-1, 0), len(before))]
	s := Spot{Line: strings.Count(string(before), "\n") + 1}
	begin := strings.LastIndexByte(string(before), '\n') + 1
	s.Column = len([]rune(string(before)[begin:])) + 1
	s.Text, _, _ = strings.Cut(text[begin:], "\n")
	return s
}
