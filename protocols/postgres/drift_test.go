package postgres

import (
	"context"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"

	"github.com/jackc/pgx/v5/pgproto3"
)

// TestT40_AYesIsForTheSettingsOfTheSession proves on a server that a yes to a text
// with a date is none to it under another DateStyle, that of a text which was prepared
// under another one too, and that a retry which changes nothing finds its yes.
func TestT40_AYesIsForTheSettingsOfTheSession(t *testing.T) {
	const text = "DELETE FROM doomed WHERE id = 666 AND now() < '01/02/2027'"
	var seen approver
	var digest string
	l := newLine(t, asksAll(&seen), func(l *line) {
		l.settle = func(_ context.Context, a *action.Action, _ action.Decision) action.Decision {
			seen.mu.Lock()
			defer seen.mu.Unlock()
			digest = string(a.Digest)
			return action.Decision{Verdict: action.Allow}
		}
	})
	asked := func() string {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		return digest
	}
	cl, other := l.ready(t), l.ready(t)
	say := func(messages ...pgproto3.FrontendMessage) string {
		cl.send(messages...)
		cl.until('Z')
		return asked()
	}
	bound := func(name string) string {
		cl.send(&pgproto3.Bind{PreparedStatement: name}, run(""), syncNow)
		cl.until('Z')
		return asked()
	}
	first := say(query(text))
	if say(query(text)) != first {
		t.Error("a retry asks anew")
	}
	say(prepare("early", text), syncNow)
	early := bound("early")
	say(query("SET datestyle = 'ISO, DMY'"))
	dmy := say(query(text))
	if dmy == first {
		t.Error("a yes to 2 January is one to 1 February")
	}
	say(prepare("late", text), syncNow)
	if late := bound("late"); late == early || late == bound("early") {
		t.Error("a yes to a text that was prepared now is one to what was prepared under another DateStyle")
	}
	say(query("BEGIN"))
	say(query("ROLLBACK"))
	if say(query(text)) != dmy {
		t.Error("a retry after SET asks anew")
	}
	say(query("SET datestyle = 'ISO, MDY'"))
	if say(query(text)) == dmy {
		t.Error("a yes to 1 February is one to 2 January")
	}
	cl = other
	if say(query(text)) != first {
		t.Error("a retry in another session asks anew")
	}
}

// TestT40_AYesIsForTheDefaultsOfTheRole proves on a server that a yes to a text with a
// date is none to it after somebody has given the account another DateStyle, which
// stands in no start-up packet.
func TestT40_AYesIsForTheDefaultsOfTheRole(t *testing.T) {
	const text = "DELETE FROM doomed WHERE id = 666 AND now() < '01/02/2027'"
	var digest string
	l := newLine(t, as("keeper"), withSecret(keeperPassword), func(l *line) {
		l.decide = func(a *action.Action) action.Decision {
			if a.Kind == "query" {
				return action.Decision{Verdict: action.Ask}
			}
			return action.Decision{Verdict: action.Allow}
		}
		l.settle = func(_ context.Context, a *action.Action, _ action.Decision) action.Decision {
			digest = string(a.Digest)
			return action.Decision{Verdict: action.Allow}
		}
	})
	asked := func() string {
		cl := l.ready(t)
		cl.send(query(text))
		cl.until('Z')
		cl.send(&pgproto3.Terminate{})
		return digest
	}
	role := func(change string) {
		if out, err := needDatabase(t).psql("app", "ALTER ROLE keeper "+change); err != nil {
			t.Fatal(out)
		}
	}
	first := asked()
	if first == "" || asked() != first {
		t.Error("a retry in another session asks anew")
	}
	defer role("RESET ALL")
	for _, change := range []string{"SET datestyle = 'ISO, DMY'", "SET timezone = 'Asia/Tokyo'", "SET intervalstyle = 'iso_8601'"} {
		role(change)
		if asked() == first {
			t.Errorf("after %s it is the same", change)
		}
		role("RESET ALL")
	}
	if asked() != first {
		t.Error("once all is as before it asks anew")
	}
}

// TestT40_TheImpactIsOfTheSettingsOfTheSession proves that the planner is asked under
// the DateStyle that the session began with: there is no 31st month.
func TestT40_TheImpactIsOfTheSettingsOfTheSession(t *testing.T) {
	var seen approver
	l := newLine(t, asksAll(&seen))
	cl := l.ready(t, "datestyle", "ISO, DMY")
	if got := shown(cl, &seen, "impact: delete", query("DELETE FROM doomed WHERE id = 666 AND now() < '31/12/2027'")); !strings.Contains(got, "impact: delete of about ") {
		t.Errorf("the approver sees\n%s", got)
	}
}

// TestT40_AYesIsForTheTypesOfTheValues proves on a server that a yes to values which
// are texts is none to the same values as numbers: 9 is less than 10 as a number alone.
func TestT40_AYesIsForTheTypesOfTheValues(t *testing.T) {
	var seen approver
	var digest string
	l := newLine(t, asksAll(&seen), func(l *line) {
		l.settle = func(_ context.Context, a *action.Action, _ action.Decision) action.Decision {
			seen.mu.Lock()
			defer seen.mu.Unlock()
			digest = string(a.Digest)
			return action.Decision{Reason: "No."}
		}
	})
	cl := l.ready(t)
	asked := func(types ...uint32) string {
		parse := prepare("", "DELETE FROM doomed WHERE $1 < '10'")
		parse.ParameterOIDs = types
		cl.send(parse, &pgproto3.Bind{Parameters: [][]byte{[]byte("9")}}, run(""), syncNow)
		cl.until('Z')
		seen.mu.Lock()
		defer seen.mu.Unlock()
		return digest
	}
	texts := asked()
	if texts == "" || asked(0) != texts {
		t.Error("a type that is left to the server is another one")
	}
	if asked(23) == texts {
		t.Error("a yes to a text is one to a number")
	}
}
