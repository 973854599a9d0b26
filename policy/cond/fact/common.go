package fact

import (
	"strings"

	"sallyport.dev/sallyport/action"
)

// Common lists the facts that every action has.
func Common() Table {
	facts := make(Table)
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
		facts[spec.Name] = &Fact{Spec: spec, Timed: strings.HasPrefix(spec.Name, "now.")}
	}
	facts["effect"].Words = action.EffectNames()
	facts["now.weekday"].Words = weekdays()
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
	return weekdays()[e.Now.UTC().Weekday()], action.Known
}

func orAbsent(s string) (string, action.State) {
	if s == "" {
		return "", action.Absent
	}
	return s, action.Known
}

func weekdays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }
