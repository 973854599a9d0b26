package cond

import (
	"maps"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
)

// A Schema is what conditions may speak of: the facts of every protocol in this
// build, those that every action has, and the functions. It is immutable.
type Schema struct {
	facts     map[string]*fact
	functions map[string]function
}

// A fact is one name that a condition may read.
type fact struct {
	spec     action.FactSpec
	protocol string // "": every action has it, and its accessor reads the Env
	timed    bool   // changes by itself
	words    []string
}

// NewSchema makes the schema of a build from the tables of its protocols. Where
// two declare the same fact, the first has it.
func NewSchema(tables ...action.FactTable) *Schema {
	s := &Schema{facts: commonFacts(), functions: functionTable()}
	for _, t := range tables {
		for _, spec := range t.Facts {
			if _, taken := s.facts[spec.Name]; !taken {
				s.facts[spec.Name] = &fact{spec: spec, protocol: t.Protocol}
			}
		}
	}
	return s
}

// A Fact describes one fact, for the reference and for completion.
type Fact struct {
	Name, Type, Doc string
	Protocol        string // "" for all
	Keyed           bool   // read as NAME.key or NAME["key"]
}

// Facts lists every fact, sorted by name.
func (s *Schema) Facts() []Fact {
	var list []Fact
	for _, name := range slices.Sorted(maps.Keys(s.facts)) {
		f := s.facts[name]
		list = append(list, Fact{
			Name: name, Type: f.typ().String(), Doc: f.spec.Doc, Protocol: f.protocol, Keyed: f.keyed(),
		})
	}
	return list
}

// A Function describes one function.
type Function struct{ Name, Usage, Doc string }

// Functions lists every function, sorted by name.
func (s *Schema) Functions() []Function {
	var list []Function
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		f := s.functions[name]
		list = append(list, Function{Name: name, Usage: f.usage, Doc: f.doc})
	}
	return list
}

func (f *fact) keyed() bool { return f.spec.Key != nil || f.spec.KeyList != nil }

// typ is the type of what the fact gives, of a keyed one for each key.
func (f *fact) typ() typ {
	switch {
	case f.spec.Num != nil:
		return numberType
	case f.spec.Bool != nil:
		return boolType
	case f.spec.List != nil, f.spec.KeyList != nil:
		return listType
	default:
		return stringType
	}
}

// subject is what the accessor of the fact looks into.
func (f *fact) subject(env *Env) action.Facts {
	if f.protocol == "" {
		return env
	}
	if env.Part == nil {
		return nil
	}
	return env.Part.Facts
}

// commonFacts are the facts that every action has.
func commonFacts() map[string]*fact {
	facts := make(map[string]*fact)
	for _, spec := range []action.FactSpec{
		action.Str("agent.name", "name of the agent", 0, agentName),
		action.Str("agent.user", "whose node the agent is; absent for a tagged node", 0, agentUser),
		action.List("agent.tags", "tags of the agent's node", 0, agentTags),
		action.List("agent.roles", "roles that the agent is in", 0, agentRoles),
		action.Str("service.name", "the service that the action goes to", 0, serviceName),
		action.Str("effect", "the strongest effect; unknown if one effect is", 0, strongestEffect),
		action.Str("conn.host", "name that the agent dialled; absent for a bare address", 0, connHost),
		action.Str("conn.ip", "address that the agent dialled", 0, connIP),
		action.Num("conn.port", "port that the agent dialled", 0, connPort),
		action.Num("now.hour", "hour of the day, 0 to 23, in UTC", 0, nowHour),
		action.Str("now.weekday", `day of the week in UTC: "mon" to "sun"`, 0, nowWeekday),
	} {
		facts[spec.Name] = &fact{spec: spec, timed: strings.HasPrefix(spec.Name, "now.")}
	}
	facts["effect"].words = action.EffectNames()
	facts["now.weekday"].words = weekdayNames()
	return facts
}

func agentName(e *Env) (string, action.State) {
	if e.Action == nil || e.Action.Peer == nil {
		return "", action.Unknown
	}
	return e.Action.Peer.Name, action.Known
}

func agentUser(e *Env) (string, action.State) {
	if e.Action == nil || e.Action.Peer == nil {
		return "", action.Unknown
	}
	return orAbsent(e.Action.Peer.User)
}

func agentTags(e *Env) ([]string, action.State) {
	if e.Action == nil || e.Action.Peer == nil {
		return nil, action.Unknown
	}
	return e.Action.Peer.Tags, action.Known
}

func agentRoles(e *Env) ([]string, action.State) { return e.Roles, action.Known }

func serviceName(e *Env) (string, action.State) {
	if e.Action == nil || e.Action.Service == nil {
		return "", action.Unknown
	}
	return e.Action.Service.Name, action.Known
}

// strongestEffect is unknown, not the word, so that a rule about deletions meets
// what nobody could classify.
func strongestEffect(e *Env) (string, action.State) {
	if e.Effects == 0 || e.Effects&action.EffectUnknown != 0 {
		return "", action.Unknown
	}
	return e.Effects.Strongest(), action.Known
}

func connHost(e *Env) (string, action.State) {
	if e.Action == nil {
		return "", action.Unknown
	}
	return orAbsent(e.Action.Host)
}

func connIP(e *Env) (string, action.State) {
	if e.Action == nil || !e.Action.Dst.IsValid() {
		return "", action.Unknown
	}
	return e.Action.Dst.Addr().Unmap().String(), action.Known
}

func connPort(e *Env) (float64, action.State) {
	if e.Action == nil || !e.Action.Dst.IsValid() {
		return 0, action.Unknown
	}
	return float64(e.Action.Dst.Port()), action.Known
}

func nowHour(e *Env) (float64, action.State) {
	if e.Now.IsZero() {
		return 0, action.Unknown
	}
	return float64(e.Now.UTC().Hour()), action.Known
}

func nowWeekday(e *Env) (string, action.State) {
	if e.Now.IsZero() {
		return "", action.Unknown
	}
	return weekdayNames()[e.Now.UTC().Weekday()], action.Known
}

func orAbsent(s string) (string, action.State) {
	if s == "" {
		return "", action.Absent
	}
	return s, action.Known
}
