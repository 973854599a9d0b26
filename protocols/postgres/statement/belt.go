package statement

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/refusal"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// openHold is how long a transaction is kept open for an approval: its locks are
// held meanwhile, and others wait for them.
const openHold = time.Minute

// OpenHold is how long a service lets a transaction stay open for an approval.
func OpenHold(b *action.Session) time.Duration {
	if b.IdleTimeout > 0 {
		return min(b.IdleTimeout, openHold)
	}
	return openHold
}

// serverGrace is how much later than the gateway the server ends an idle
// transaction: the gateway has the first word, and can say why.
const serverGrace = 30 * time.Second

// Fixed lists what a service fixes for a session at its start.
func Fixed(b *action.Session) []wire.Parameter {
	var list []wire.Parameter
	if b.ReadOnly {
		list = append(list, wire.Parameter{Name: "default_transaction_read_only", Value: "on"})
	}
	for _, l := range limits(b) {
		list = append(list, wire.Parameter{Name: l.setting, Value: millis(l.most)})
	}
	return list
}

// A limit is a time that a service fixes for a session.
type limit struct {
	setting string
	most    time.Duration
}

func limits(b *action.Session) []limit {
	var list []limit
	if b.StatementTimeout > 0 {
		list = append(list, limit{"statement_timeout", b.StatementTimeout})
	}
	if b.LockTimeout > 0 {
		list = append(list, limit{"lock_timeout", b.LockTimeout})
	}
	if b.IdleTimeout > 0 {
		// A wait for an approval is idle to the server, and not to the gateway.
		list = append(list, limit{"idle_in_transaction_session_timeout", b.IdleTimeout + openHold + serverGrace})
	}
	return list
}

func millis(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) }

// Belt holds a session to what its service states beside the rules: reading only,
// and limits that no SET lifts. What only makes a limit narrower is a harmless SET
// in the parts that it returns; those given are never changed.
func Belt(svc *action.Service, parts []action.Part) ([]action.Part, *refusal.Bar) {
	s := &svc.Session
	limits := limits(s)
	if !s.ReadOnly && len(limits) == 0 {
		return parts, nil
	}
	out := parts
	for i, p := range parts {
		f, ok := p.Facts.(*sql.Facts)
		if !ok || f.Shape == nil {
			continue
		}
		for _, set := range f.Sets {
			if lifts(s.ReadOnly, limits, set) {
				return nil, fixed(svc, set.Name)
			}
		}
		if narrows(limits, f.Shape, p.Effects) {
			if &out[0] == &parts[0] {
				out = slices.Clone(parts)
			}
			out[i].Effects, out[i].Control = action.EffectRead, true
		}
		if s.ReadOnly && (out[i].Effects != action.EffectRead || f.ReadWrite) {
			return nil, &refusal.Bar{
				Code: "25006", Text: fmt.Sprintf("cannot execute %s: the service %s is read-only", strings.ToUpper(f.Verb), svc.Name),
				Hint: "Only statements that provably read are possible here.",
			}
		}
	}
	return out, nil
}

func fixed(svc *action.Service, name string) *refusal.Bar {
	if name == "*" {
		return &refusal.Bar{
			Code: refusal.Denied, Text: fmt.Sprintf("this may change a setting that the service %s fixes", svc.Name),
			Hint: "Name the setting and its value in the text of a SET.",
		}
	}
	return &refusal.Bar{
		Code: refusal.Denied, Text: fmt.Sprintf("%s is set by the service %s and stays", name, svc.Name),
		Hint: "Leave the setting as it is; a time may be made shorter.",
	}
}

// lifts reports whether a setting may undo what a service fixes.
func lifts(readOnly bool, limits []limit, s known.Set) bool {
	switch {
	case s.Name == "*":
		return !s.Reset // a reset gives back what the session began with
	case s.Name == "default_transaction_read_only":
		return readOnly && !s.Reset && !(s.Known && known.HarmlessSetting(s.Name, s.Value))
	case s.Name == "transaction_read_only":
		// Up to PostgreSQL 15 a reset of it means: read and write.
		return readOnly && !(s.Known && known.HarmlessSetting(s.Name, s.Value))
	}
	i := slices.IndexFunc(limits, func(l limit) bool { return l.setting == s.Name })
	return i >= 0 && !s.Reset && !within(limits[i], s)
}

// narrows reports whether a statement only makes times shorter that a service
// fixes.
func narrows(limits []limit, s *sql.Shape, e action.Effects) bool {
	if s.Verb != "set" || e != action.EffectAdmin || len(s.Sets) == 0 {
		return false
	}
	return !slices.ContainsFunc(s.Sets, func(set known.Set) bool {
		i := slices.IndexFunc(limits, func(l limit) bool { return l.setting == set.Name })
		return i < 0 || !within(limits[i], set)
	})
}

// within reports whether a setting is a time that is no longer than l.
func within(l limit, s known.Set) bool {
	d, ok := settingTime(s.Value)
	return s.Known && ok && d <= l.most
}

// settingTime reads a time as the server does, in milliseconds if it names no
// unit. What it does not read for certain is not ok: a leading 0 is octal there,
// and less than a millisecond may become 0, which is no limit at all.
func settingTime(v string) (d time.Duration, ok bool) {
	v = strings.TrimSpace(v)
	word := "ms"
	if i := strings.IndexFunc(v, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		v, word = v[:i], strings.TrimSpace(v[i:])
	}
	n, err := strconv.ParseInt(v, 10, 32)
	one := unit(word)
	if err != nil || one == 0 || v[0] == '0' || n > int64(24*24*time.Hour/one) { // more than 24 days are too many milliseconds
		return 0, false
	}
	return time.Duration(n) * one, true
}

// unit gives the unit of a time, 0 for a word that is none.
func unit(word string) time.Duration {
	switch word {
	case "ms":
		return time.Millisecond
	case "s":
		return time.Second
	case "min":
		return time.Minute
	case "h":
		return time.Hour
	case "d":
		return 24 * time.Hour
	}
	return 0
}
