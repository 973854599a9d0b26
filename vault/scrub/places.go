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
