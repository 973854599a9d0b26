package kleene

import "sallyport.dev/sallyport/action"

// Contains looks for want in a list: an element that is unknown may be it.
func Contains(l, want Value) (Tri, action.Need) {
	if l.Kind != IsList || !want.Known() {
		return Unknown, Blocked(l, want)
	}
	if l.items == nil && l.doc == nil {
		return l.containsText(want), 0
	}
	found, needed := False, action.Need(0)
	for i := range l.Len() {
		t, need := Equal(l.At(i), want)
		if t == True {
			return True, 0
		}
		if t == Unknown {
			found, needed = Unknown, needed|need
		}
	}
	return found, needed
}

// containsText looks into a list of texts; among them anything else is unknown.
func (v Value) containsText(want Value) Tri {
	if want.Kind != IsString {
		if len(v.list) == 0 {
			return False
		}
		return Unknown
	}
	for _, s := range v.list {
		if s == want.Str {
			return True
		}
	}
	return False
}

// A Quantifier goes through truths: the first that is decisive decides, and
// without one an unknown leaves it unknown.
type Quantifier struct {
	decisive, result Tri
	need             action.Need
}

// NewQuantifier makes one of no truths yet: True decides for "any", False for
// "all".
func NewQuantifier(decisive Tri) Quantifier {
	return Quantifier{decisive: decisive, result: decisive.Not()}
}

// Add takes in one truth and reports whether another one could matter.
func (q *Quantifier) Add(t Tri, need action.Need) bool {
	if t == q.decisive {
		q.result, q.need = t, 0
		return false
	}
	if t == Unknown {
		q.result, q.need = Unknown, q.need|need
	}
	return true
}

// Result is the truth of all so far.
func (q *Quantifier) Result() (Tri, action.Need) { return q.result, q.need }
