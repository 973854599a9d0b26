package kleene

import (
	"strings"

	"sallyport.dev/sallyport/action"
)

// MaxText bounds the strings that a condition makes or takes apart.
const MaxText = 64 << 10

// A Builder puts a string together, and remembers what keeps it from being
// known. The zero Builder is empty.
type Builder struct {
	text   strings.Builder
	broken bool // never to be known
	need   action.Need
}

// Add appends a scalar.
func (b *Builder) Add(v Value) {
	switch {
	case !v.Known() && v.Need == 0 || v.Kind >= IsList:
		b.broken = true
	case !v.Known():
		b.need |= v.Need
	case b.text.Len() <= MaxText:
		b.text.WriteString(v.Text())
	}
}

// Len is the number of bytes so far.
func (b *Builder) Len() int { return b.text.Len() }

// Value gives the string; one that is too long is unknown.
func (b *Builder) Value() Value {
	switch {
	case b.broken || b.text.Len() > MaxText:
		return Value{}
	case b.need != 0:
		return Pending(b.need)
	default:
		return Text(b.text.String())
	}
}
