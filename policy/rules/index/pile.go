package index

// A Pile is lists of rules that are being looked for, each in their order. It
// belongs to one goroutine; the zero Pile is ready.
type Pile[R comparable] struct {
	lists  [maxLists][]filed[R]
	n      int
	full   bool // a list had no room
	merged []R
}

// maxLists is how many values of a part are looked up; one with more is held
// against all rules.
const maxLists = 16

// Clear forgets the rules, and keeps the room.
func (p *Pile[R]) Clear() {
	clear(p.lists[:])
	clear(p.merged[:cap(p.merged)])
	p.n, p.merged = 0, p.merged[:0]
}

func (p *Pile[R]) add(rules []filed[R]) {
	switch {
	case len(rules) == 0:
	case p.n == maxLists:
		p.full = true
	default:
		p.lists[p.n] = rules
		p.n++
	}
}

// merge joins the lists; a rule that stands in several comes once.
func (p *Pile[R]) merge() []R {
	p.merged = p.merged[:0]
	for {
		least := -1
		for i := range p.n {
			if len(p.lists[i]) > 0 && (least < 0 || p.lists[i][0].order < p.lists[least][0].order) {
				least = i
			}
		}
		if least < 0 {
			return p.merged
		}
		r := p.lists[least][0].rule
		p.lists[least] = p.lists[least][1:]
		if n := len(p.merged); n == 0 || p.merged[n-1] != r {
			p.merged = append(p.merged, r)
		}
	}
}
