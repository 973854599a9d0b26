// Package kleene holds what conditions compute with: values that may be absent,
// unknown or pending, and a truth of three values. What is unknown stays unknown
// through every operation that needs it. It reads no facts and knows nothing of
// expressions.
package kleene

// A Tri is a truth of three values.
type Tri uint8

// False is the zero Tri.
const (
	False Tri = iota
	True
	Unknown
)

func (t Tri) String() string {
	switch t {
	case False:
		return "false"
	case True:
		return "true"
	default:
		return "unknown"
	}
}

// Not turns a truth round.
func (t Tri) Not() Tri {
	switch t {
	case True:
		return False
	case False:
		return True
	default:
		return Unknown
	}
}

// Truth is a truth that is known.
func Truth(b bool) Tri {
	if b {
		return True
	}
	return False
}
