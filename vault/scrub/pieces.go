package scrub

// Pieces masks values in a stream whose bytes come in pieces that may not wait for one
// another, as the frames of a socket do. Its zero value is ready. It belongs to one
// goroutine and keeps what came before, as far back as what may become a value.
type Pieces struct {
	past []byte // as it came: what went out and may begin a value, then what is held
	held int    // bytes at the end of past that are held
	out  []byte
}

// Next takes the next bytes and gives those that may go out, masked, until the next
// call. Within a piece the beginning of a value is held back; at its end everything goes
// out, the beginning of a value of Least bytes or more masked, and what makes it whole in
// a later piece is masked then.
func (p *Pieces) Next(m *Matcher, b []byte, end bool) []byte {
	from := len(p.past) - p.held
	all := append(p.past, b...)
	p.out = append(p.out[:0], all[from:]...)
	if m == nil {
		p.past, p.held = all[:0], 0
		return p.out
	}
	hold := m.begun(all)
	keep := len(all) - hold // what makes a value with what comes begins here or later
	places := m.find(all, nil)
	if end {
		if hold >= Least {
			places = append(places, span{len(all) - hold, len(all)})
		}
		hold = 0
	}
	hold = min(hold, len(p.out))
	for i := range places {
		if places[i].to > len(all)-hold { // of which a part is held
			keep = min(keep, places[i].from)
		}
		places[i].from, places[i].to = places[i].from-from, places[i].to-from
	}
	p.out = p.out[:len(p.out)-hold]
	cover(p.out, places)
	p.past, p.held = all[:copy(all, all[keep:])], hold
	return p.out
}
