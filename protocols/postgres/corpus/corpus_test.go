package corpus

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/protocols/postgres/sql"
)

// least is how many lines the corpus has at least.
const least = 400

// TestT36_Evasions holds every line against what a service answers, to a trial and
// in a live session, and against what a server does with it.
func TestT36_Evasions(t *testing.T) {
	if err := sql.Available(); err != nil {
		t.Fatal(err)
	}
	lines := load(t)
	w := newWorld(t)
	p := rules(t)
	w.gates = []*gate{newGate(t, p, "guarded", w.server.Address()), newGate(t, p, "read_only", w.server.Address())}
	total := 0
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		for i := range lines[name] {
			total++
			w.at = lines[name][i].at
			w.judge(p, &lines[name][i])
			w.prove(&lines[name][i])
		}
	}
	if total < least {
		t.Errorf("%d lines, want at least %d", total, least)
	}
}

// judge holds a line against the answers of both services.
func (w *world) judge(p *policy.Policy, l *line) {
	w.t.Helper()
	for i, want := range []string{l.guarded, l.readOnly} {
		w.heal()
		text, name := w.fill(l.text), w.gates[i].service.Name
		if l.settings == "" {
			if got, reason := trial(p, name, text); got != want {
				w.t.Errorf("%s: %s answers %s, want %s: %s\n\t%.300q", l.at, name, got, want, reason, text)
				continue
			}
		}
		for _, extended := range []bool{false, true} {
			if extended && (l.settings != "" || strings.ContainsAny(l.text, ";\x00") || want == "ask") {
				continue
			}
			got, r, err := w.gates[i].live(w.fill(l.settings), text, extended)
			if got == barred && l.settings != "" {
				continue
			}
			if err != nil || got != want {
				w.t.Errorf("%s: a live session of %s (extended: %v) answers %q, want %s: %v %s\n\t%.300q", l.at, name, extended, got, want, err, r.word, text)
				break
			}
			if want != "allow" && r.code == "" && !r.ended {
				w.t.Errorf("%s: %s refuses without an error", l.at, name)
			}
			w.healthy = w.healthy && (want != "allow" || l.proof[0] != "known")
		}
	}
}

func trial(p *policy.Policy, service, text string) (verdict, reason string) {
	e, err := p.Try(policy.Hypothesis{
		Roles: []string{"agents"}, Service: service,
		Trial: action.Trial{SQL: text, Database: "corpus", User: "agent"},
	})
	if err != nil {
		return err.Error(), ""
	}
	return e.Decision.Verdict.String(), e.Decision.Reason + e.Refused
}

// prove holds a line against what the server does with it.
func (w *world) prove(l *line) {
	w.t.Helper()
	out := w.try(l)
	r := out.reply
	fail := func(what string) {
		w.t.Errorf("%s: %s; the server shows %v (%s %s)\n\t%.300q", l.at, what, out.kinds, r.code, r.word, l.text)
	}
	if out.lost != "" {
		fail("its settings fail")
		return
	}
	word, code, _ := strings.Cut(l.proof[0], ":")
	strong := slices.DeleteFunc(slices.Clone(out.kinds), func(k string) bool { return slices.Contains(weak, k) })
	want := l.proof
	switch word {
	case "clean":
		if len(strong) > 0 || r.code != "" || r.ended {
			fail("not clean")
		}
		return
	case "opaque":
		return
	case "unread", "reaches":
		if r.code != code {
			fail("not answered with " + code)
		}
		return
	case "known":
		want = want[1:]
	}
	for _, k := range want {
		if !slices.Contains(out.kinds, k) {
			fail("no effect of the kind " + k)
		}
	}
	if l.guarded != "allow" || l.readOnly != "allow" || word == "known" {
		return
	}
	for _, k := range strong {
		if !slices.Contains(want, k) {
			fail("allowed with the effect " + k)
		}
	}
}

// TestT36_WhatCameBeforeChangesNothing reads every text with a cache that has seen
// all the others, in several orders, and without one.
func TestT36_WhatCameBeforeChangesNothing(t *testing.T) {
	var texts []string
	for _, lines := range load(t) {
		for _, l := range lines {
			texts = append(texts, l.text)
		}
	}
	said := map[string]string{}
	none := sql.New(0)
	for _, text := range texts {
		said[text] = reading(none, text)
	}
	r := rand.New(rand.NewPCG(39, 39))
	for range 8 {
		r.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
		warm := sql.New(32 << 20)
		for range 2 {
			for _, text := range texts {
				if got := reading(warm, text); got != said[text] {
					t.Errorf("%.300q reads as %s, and after the others as %s", text, said[text], got)
				}
			}
		}
	}
}

// reading is what a text does, as far as rules may know.
func reading(a *sql.Analyzer, text string) string {
	parts, err := a.Parse(text, &sql.Session{StandardStrings: true, UTF8: true})
	var b strings.Builder
	fmt.Fprintln(&b, err)
	for _, p := range parts {
		f, ok := p.Facts.(*sql.Facts)
		if !ok {
			return "not known"
		}
		fmt.Fprintf(&b, "%s %v %+v\n", p.Effects, p.Control, *f.Shape)
	}
	return b.String()
}
