package alert

import (
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/dashboard/alerts"
)

// maxText bounds a text of an alert, in bytes.
const maxText = 600

// A warning is one that is there, or was lately.
type warning struct {
	text  string
	since time.Time
	seen  bool // at the look that goes on
	there int  // looks in a row
	away  int  // looks in a row
	told  bool
}

func (one *warning) stands() bool { return one.there >= looks }

func (one *warning) alert() alerts.Alert {
	return alerts.Alert{What: one.text, Since: one.since}
}

// Look compares the warnings with those of the look before, and has told what came
// and what went. One must stand, or be missing, for two looks: what only flickers
// wakes nobody up.
func (w *Watch) Look() {
	found := w.found()
	now := w.o.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.match(found, now)
	var kept []*warning
	for _, one := range w.warnings {
		if one.seen {
			one.there, one.away = one.there+1, 0
			if one.stands() && !one.told {
				one.told = w.tell(one.alert(), now)
			}
			kept = append(kept, one)
			continue
		}
		one.away++
		switch {
		case one.stands() && one.away < looks:
			kept = append(kept, one)
		case one.told:
			a := one.alert()
			a.Gone = true
			w.tell(a, now)
		}
	}
	w.warnings = kept
}

// match finds each of the warnings in what was found, the very same ones first, and
// then those of the same subject: how many days are left, or why something cannot be
// reached, changes without being news. The caller holds mu.
func (w *Watch) match(found []string, now time.Time) {
	for _, one := range w.warnings {
		one.seen = false
	}
	for _, same := range []func(a, b string) bool{
		func(a, b string) bool { return a == b },
		func(a, b string) bool { return subject(a) == subject(b) },
	} {
		for _, one := range w.warnings {
			i := slices.IndexFunc(found, func(text string) bool { return !one.seen && same(one.text, text) })
			if i >= 0 {
				one.text, one.seen = found[i], true
				found = slices.Delete(found, i, i+1)
			}
		}
	}
	for _, text := range found[:min(len(found), max(0, maxWarnings-len(w.warnings)))] {
		w.warnings = append(w.warnings, &warning{text: text, since: now.UTC(), seen: true})
	}
}

// subject is what a warning is about: what stands before its first colon, without
// numbers.
func subject(text string) string {
	text, _, _ = strings.Cut(text, ": ")
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
}

// found lists what sallyport status warns of, each once.
func (w *Watch) found() []string {
	s := w.o.Status()
	list := slices.Clone(s.Warnings)
	for _, of := range s.Accounts {
		list = append(list, of...)
	}
	if s.ConfigError != "" {
		list = append(list, "the changed configuration has an error and is not taken; the rules from before stay in force")
	}
	if err := w.o.Ready(); err != nil {
		list = append(list, "the gateway is not ready: "+err.Error())
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// short cuts a text that is too long, between characters, and says so.
func short(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}
