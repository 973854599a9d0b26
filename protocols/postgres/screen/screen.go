// Package screen keeps out of a server's answers what proves an account: the
// secrets that the gateway has given out, in every form that an origin may write
// them in, and the verifiers that a server keeps of passwords. It puts stars in
// their place and changes no length, so that messages stay what they are.
package screen

import (
	"encoding/binary"
	"slices"

	"sallyport.dev/sallyport/vault/scrub"
)

const (
	mark   = '*'
	header = 5 // bytes of a message: its type and its length
)

// A Screen looks at one session's answers as they pass. The field is set before
// use; the rest belongs to whoever passes them. A nil Screen masks nothing.
type Screen struct {
	// Secrets gives what is looked for by now.
	Secrets func() *scrub.Matcher

	left   int // bytes of the message at hand that are still to come
	known  int // so many of those belong to a value, from their beginning
	places []place
	copied copied
}

// A place is where a value stands.
type place struct{ from, to int }

// Mask puts stars over what must not pass in b, which is whole messages of the
// protocol. With more, the last of them goes on, and its last hold bytes are to be
// shown again, as they are, in front of the rest: a value may reach from them into
// it. The header of a message comes in one piece.
func (s *Screen) Mask(b []byte, more bool) (hold int) {
	if s == nil {
		return 0
	}
	before, secrets := s.left, s.Secrets()
	last := s.walk(b)
	if more {
		hold = min(len(b)-last, max(secrets.Longest(), maxVerifier))
	}
	out := len(b) - hold
	s.places = s.places[:0]
	if s.known > 0 {
		s.note(0, s.known)
	}
	s.known = 0
	// All at once: where nothing is found it does not matter where messages end.
	secrets.Places(b, s.note)
	verifiers(b, s.note)
	if s.copied.secrets = secrets; s.copied.found == nil {
		s.copied.found = s.note
	}
	s.copied.look(b, before, last, out, more)
	if len(s.places) > 0 {
		s.cover(b, before, out)
	}
	s.left += hold
	return hold
}

// Text masks what is no message.
func (s *Screen) Text(b []byte) {
	if s == nil {
		return
	}
	s.places = s.places[:0]
	s.Secrets().Places(b, s.note)
	verifiers(b, s.note)
	for _, p := range s.places {
		star(b[p.from:p.to])
	}
}

// Words gives a text without what Text masks: a server may say what it was told.
func (s *Screen) Words(text string) string {
	b := []byte(text)
	s.Text(b)
	return string(b)
}

func (s *Screen) note(from, to int) { s.places = append(s.places, place{from, to}) }

// walk follows the messages of b and gives where the body of the last one begins, or
// what is there of it.
func (s *Screen) walk(b []byte) (last int) {
	at := s.left
	for at+header <= len(b) {
		last = at + header
		at += 1 + int(binary.BigEndian.Uint32(b[at+1:]))
	}
	s.left = at - len(b)
	return last
}

// cover puts stars over the places in the bodies of the messages of b, as far as
// they go out, and notes what reaches beyond. What begins in a header is no value. The first message begins before b if
// some of it is left.
func (s *Screen) cover(b []byte, left, out int) {
	slices.SortFunc(s.places, func(a, b place) int { return a.from - b.from })
	next := 0 // of the places; a row may hold as many as there are rows
	for body, at := 0, left; ; {
		end := min(at, out)
		for ; next < len(s.places) && s.places[next].from < end; next++ {
			if p := s.places[next]; p.from >= body {
				star(b[p.from:min(p.to, end)])
			}
		}
		if at >= out {
			s.beyond(body, out)
			return
		}
		body = at + header
		at += 1 + int(binary.BigEndian.Uint32(b[at+1:]))
	}
}

// beyond notes how far values reach that begin before out, in the message whose
// body begins at body.
func (s *Screen) beyond(body, out int) {
	for _, p := range s.places {
		if p.from >= body && (p.from < out || p.from == 0) {
			s.known = max(s.known, p.to-out)
		}
	}
}

func star(b []byte) {
	for i := range b {
		b[i] = mark
	}
}
