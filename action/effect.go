package action

import "strings"

// Effects are what an action does, in words that are the same on every protocol;
// an action may have several.
type Effects uint8

// The effects, from the weakest to the strongest; EffectUnknown is an action
// that was understood but that nothing classifies.
const (
	EffectRead Effects = 1 << iota
	EffectWrite
	EffectDestructive
	EffectAdmin
	EffectUnknown
)

var effectNames = []struct {
	e    Effects
	name string
}{
	{EffectRead, "read"},
	{EffectWrite, "write"},
	{EffectDestructive, "destructive"},
	{EffectAdmin, "admin"},
	{EffectUnknown, "unknown"},
}

// ParseEffect reads one effect.
func ParseEffect(s string) (Effects, bool) {
	for _, n := range effectNames {
		if s == n.name {
			return n.e, true
		}
	}
	return 0, false
}

// EffectNames lists every effect, weakest first.
func EffectNames() []string {
	names := make([]string, len(effectNames))
	for i, n := range effectNames {
		names[i] = n.name
	}
	return names
}

// Strongest gives the one word for several effects: unknown if one is.
func (e Effects) Strongest() string {
	for i := len(effectNames) - 1; i >= 0; i-- {
		if e&effectNames[i].e != 0 {
			return effectNames[i].name
		}
	}
	return "unknown"
}

func (e Effects) String() string {
	var names []string
	for _, n := range effectNames {
		if e&n.e != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ",")
}
