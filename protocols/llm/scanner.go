// Package llm knows how language models are spoken to over HTTP: what a request
// asks, and what an answer took, which it reads as the answer goes by. It holds no
// body, allocates nothing while it reads and never stands in a stream's way; whom
// the tokens belong to and whether they may be spent is not its business.
package llm

import (
	"bytes"

	"sallyport.dev/sallyport/action"
)

// A Scanner reads an answer as its bytes come, however they are cut: one JSON
// document, several behind each other, an array of them, server-sent events, or an
// event stream of Amazon.
// It is as large at the end as at the beginning. It belongs to one answer.
type Scanner struct {
	events bool
	line   line
	at     int // bytes of field that the line begins with

	frames *frames  // of Amazon
	head   findings // what the head of the answer says
	doc    document
}

// New makes a scanner of an answer of that media type; nil if there is nothing in
// it that could be read.
func New(mediaType string) *Scanner {
	switch mediaType {
	case "text/event-stream":
		return &Scanner{events: true}
	case "application/json", "application/x-ndjson", "application/jsonl":
		return new(Scanner)
	case "application/vnd.amazon.eventstream":
		return &Scanner{frames: new(frames)}
	}
	return nil
}

// Write takes in what comes next, and keeps nothing of p. On nil it does nothing.
func (s *Scanner) Write(p []byte) {
	switch {
	case s == nil:
	case s.events:
		s.lines(p)
	case s.frames != nil:
		s.frames.read(p, &s.doc)
	default:
		s.doc.read(p)
	}
}

// Head takes in what the head of an answer says, as Amazon's does of models whose answers
// say nothing themselves (InvokeModel). On nil it does nothing.
func (s *Scanner) Head(fields map[string][]string) {
	if s == nil {
		return
	}
	for name, n := range map[string]number{
		"X-Amzn-Bedrock-Input-Token-Count": numInput, "X-Amzn-Bedrock-Output-Token-Count": numOutput,
		"X-Amzn-Bedrock-Cache-Read-Input-Token-Count": numRead, "X-Amzn-Bedrock-Cache-Write-Input-Token-Count": numWrite,
	} {
		if values := fields[name]; len(values) == 1 {
			s.head.number(n.place(), []byte(values[0]))
		}
	}
}

// A line is where in a line of an event stream the scanner stands.
type line uint8

const (
	lineStart line = iota // in the name of the field
	lineData
	lineOther
)

// field is the only one that carries anything (WHATWG HTML, 9.2.6).
const field = "data:"

// lines reads event streams. The lines of one event are one document; an empty
// line ends it, whatever state it is in.
func (s *Scanner) lines(p []byte) {
	for len(p) > 0 {
		if s.line == lineStart {
			p = s.name(p)
			continue
		}
		text, rest, whole := bytes.Cut(p, []byte{'\n'})
		if s.line == lineData {
			s.doc.read(text)
		}
		if whole {
			s.line, s.at = lineStart, 0
		}
		p = rest
	}
}

// name reads the name of a field, as far as p goes.
func (s *Scanner) name(p []byte) []byte {
	for i, c := range p {
		switch {
		case c == '\n' && s.at == 0:
			s.doc.end()
		case c == '\n':
			s.at = 0
		case c == '\r' && s.at == 0:
		case c == field[s.at]:
			if s.at++; s.at == len(field) {
				s.line = lineData
				return p[i+1:]
			}
		default:
			s.line = lineOther
			return p[i+1:]
		}
	}
	return nil
}

// Read gives what a whole answer took, such as that of a judge; nil if it does not say.
func Read(answer []byte) *action.Usage {
	s := new(Scanner)
	s.doc.read(answer)
	return s.End(End{})
}
