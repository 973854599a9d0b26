package corpus

import (
	"slices"
	"strings"
	"time"
)

// longEnough is a time that no text takes by itself.
const longEnough = 250 * time.Millisecond

// canary begins every value that rules keep back.
const canary = "canary"

// An outcome is what a text did to the server.
type outcome struct {
	kinds []string
	reply *reply
	lost  string // the settings failed
}

// try runs a line on the server itself, as an account that may do anything, and
// gives the effects that it had. Afterwards the world is as it was.
func (w *world) try(l *line) outcome {
	w.t.Helper()
	w.heal()
	if w.hand == nil {
		w.hand = w.dial("corpus")
	}
	c := w.hand
	w.hand = nil
	if l.settings != "" {
		if r := c.query(w.fill(l.settings)); r.code != "" || r.ended {
			return outcome{reply: r, lost: r.code + " " + r.word}
		}
	}
	if !l.outside {
		w.must(c, "BEGIN")
	}
	before := w.base
	if l.settings != "" {
		before = w.glance(c)
	}
	settings, locks := w.session(c)
	r := c.query(w.fill(l.text))
	out := outcome{reply: r}
	saw := func(kind string, yes bool) {
		if yes && !slices.Contains(out.kinds, kind) {
			out.kinds = append(out.kinds, kind)
		}
	}
	saw("rows", strings.Contains(r.shown.String(), canary) && !strings.Contains(l.text, canary))
	saw("time", r.took > longEnough)
	if !r.ended && r.status != 'E' {
		nowSettings, nowLocks := w.session(c)
		saw("setting", nowSettings != settings)
		saw("lock", nowLocks != locks)
	}
	if l.outside && r.status == 'T' {
		c.query("COMMIT")
	}
	for kind, value := range w.glance(c) {
		saw(kind, value != before[kind])
	}
	saw("notify", strings.Contains(w.must(w.ear, "SELECT 1").heard, "ears"))
	w.clear(c, l, &out)
	return out
}

// clear brings the world back to what it was, or marks it as unhealthy.
func (w *world) clear(c *talk, l *line, out *outcome) {
	w.t.Helper()
	w.sweep()
	undone := !l.outside && !out.reply.ended && out.reply.status != 'I'
	ended := out.reply.ended || c.query("ROLLBACK").ended
	if !ended && undone && c.query("DISCARD ALL").code == "" {
		w.hand = c
	} else {
		c.close()
	}
	if slices.Contains(out.kinds, "sequence") {
		w.must(w.eye, "SELECT setval('tickets', 1, false), setval('orders_id_seq', 4)")
	}
	if slices.Contains(out.kinds, "backend") {
		w.victim = w.dial("corpus")
	}
	for _, k := range out.kinds {
		if !undone && slices.Contains([]string{"data", "catalog", "cluster", "sequence"}, k) {
			w.healthy = false
			return
		}
	}
	if slices.Contains(out.kinds, "data") || slices.Contains(out.kinds, "statistics") {
		w.base = w.look(w.eye) // rows keep the number of the transaction that gave them up
	}
}

// heal makes the world as the seed has it, if it is not.
func (w *world) heal() {
	w.t.Helper()
	if !w.healthy {
		w.tidy()
		w.renew()
	}
}

// glance looks through the session itself, as its first self, where its transaction
// has what is to be seen, and through another where it has none.
func (w *world) glance(c *talk) snapshot {
	w.t.Helper()
	r := c.query("SAVEPOINT glance; RESET SESSION AUTHORIZATION; RESET ROLE; SET LOCAL search_path = pg_catalog; SET LOCAL statement_timeout = 0; " +
		"SET LOCAL client_encoding = 'UTF8'; SET LOCAL standard_conforming_strings = on; " + w.looking() + "; ROLLBACK TO glance; RELEASE glance")
	if r.ended || r.code == "25P01" || r.code == "25P02" {
		return w.look(w.eye)
	}
	if r.code != "" {
		w.t.Fatalf("%s: a look: %s %s", w.at, r.code, r.word)
	}
	return w.snapshot(r)
}
