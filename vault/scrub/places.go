package scrub

// Places calls found with the place of every value in b, overlapping ones too. Of a
// stream that is cut into pieces, the last Longest bytes of one stand again at the
// beginning of the next.
func (m *Matcher) Places(b []byte, found func(from, to int)) {
	if m == nil {
		return
	}
	var room [4]span
	for _, p := range m.find(b, room[:0]) {
		found(p.from, p.to)
	}
}

// Begun gives how much of the end of b a value begins with that is not whole there.
func (m *Matcher) Begun(b []byte) int {
	if m == nil {
		return 0
	}
	return m.begun(b)
}

// Has reports whether c stands in any form of a value.
func (m *Matcher) Has(c byte) bool { return m != nil && m.bytes[c] }
