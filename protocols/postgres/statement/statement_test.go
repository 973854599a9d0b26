package statement

import (
	"strings"
	"testing"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

func part(e action.Effects, s sql.Shape) []action.Part {
	return []action.Part{{Effects: e, Facts: &sql.Facts{Shape: &s, Text: "text"}}}
}

func TestSummary(t *testing.T) {
	for in, want := range map[string]string{
		"SELECT 1":          "SELECT 1",
		"SELECT\n\t 1\r\n":  "SELECT⏎ 1",
		"SELECT '\xff\xfe'": `SELECT '\xff\xfe'`,
		"a --\n OR true":    "a --⏎ OR true",
		"a --\rOR true":     "a --⏎ OR true",
		"a\tb  c":           "a b  c",
		"a\u202eb\x1b[2K":   `a\u202eb\x1b[2K`,
		"é":                 "é",
	} {
		if got := Summary(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	if got := Summary(strings.Repeat("é", 1000)); len(got) > action.MaxSummary || !utf8.ValidString(got) {
		t.Errorf("%d bytes", len(got))
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"a": `"a"`, `a"b`: `"a""b"`, "": `""`, `"; DROP`: `"""; DROP"`} {
		if got := Quote(in); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
}

func TestT40_TheDigestIsOfTextAndValues(t *testing.T) {
	text := func(s string) []action.Part { return []action.Part{{Facts: &sql.Facts{Shape: &sql.Shape{}, Text: s}}} }
	in := func(database, user, role string, tables ...string) []action.Part {
		return []action.Part{{Facts: &sql.Facts{
			Shape: &sql.Shape{}, Text: "one", Expanded: tables, Conversation: &sql.Conversation{Database: database, User: user, Role: role},
		}}}
	}
	base := string(Digest(text("one"), nil, []byte("bind"), Setting{}))
	if string(Digest(text("one"), nil, []byte("bind"), Setting{Start: []wire.Parameter{{Name: "application_name", Value: "x"}}})) != base {
		t.Error("it is not the same for the same")
	}
	seen := map[string]string{base: "the first"}
	for name, got := range map[string][]byte{
		"another text":         Digest(text("two"), nil, []byte("bind"), Setting{}),
		"other values":         Digest(text("one"), nil, []byte("bind!"), Setting{}),
		"behind it":            Digest(nil, text("one"), []byte("bind"), Setting{}),
		"two texts":            Digest(append(text("o"), text("ne")...), nil, []byte("bind"), Setting{}),
		"yet another database": Digest(in("web", "u", "r"), nil, []byte("bind"), Setting{}),
		"yet another user":     Digest(in("app", "v", "r"), nil, []byte("bind"), Setting{}),
		"yet another role":     Digest(in("app", "u", "s"), nil, []byte("bind"), Setting{}),
		"another database":     Digest(in("app", "u", "r"), nil, []byte("bind"), Setting{}),
		"another user":         Digest(in("a", "ppu", "r"), nil, []byte("bind"), Setting{}),
		"another role":         Digest(in("app", "", "ur"), nil, []byte("bind"), Setting{}),
		"another table":        Digest(in("app", "u", "r", "public.a"), nil, []byte("bind"), Setting{}),
		"another path":         Digest(text("one"), nil, []byte("bind"), Setting{Start: []wire.Parameter{{Name: "search_path", Value: "evil"}}}),
		"a session of its own": Digest(text("one"), nil, []byte("bind"), Setting{Own: []byte{1}}),
		"another session":      Digest(text("one"), nil, []byte("bind"), Setting{Own: []byte{2}}),
	} {
		if other := seen[string(got)]; other != "" {
			t.Errorf("%s is the same as %s", name, other)
		}
		seen[string(got)] = name
	}
}

// read gives the parts of a text.
func read(t *testing.T, text string) []action.Part {
	t.Helper()
	parts, bar := Read(sql.New(0), text, &sql.Session{
		StandardStrings: true, UTF8: true, Major: sql.LastMajor, Protocol: "simple", Conversation: &sql.Conversation{Database: "app"},
	}, func(string) []action.Part { return nil })
	if bar != nil {
		t.Fatalf("%s: %+v", text, bar)
	}
	return parts
}

func TestWhatIsAlike(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"UPDATE users SET a = 1 WHERE id = 5", "update (write) on users; in app"},
		{"update users set a = 2 where id = 6", "update (write) on users; in app"},
		{"UPDATE users SET a = 1", "update (destructive) on users; in app"},
		{"DELETE FROM public.users WHERE id = 5", "delete (write) on public.users; in app"},
		{"INSERT INTO a SELECT * FROM b", "insert (read,write) on a, b; in app"},
		{"UPDATE users SET a = lower(b) WHERE id = 5", "update (write) on users by lower; in app"},
		{"UPDATE a SET b = 1 WHERE c = 2; UPDATE a SET b = 2 WHERE c = 3", "update (write) on a; in app"},
		{"SET search_path = evil", ""},
		{"DO $$ BEGIN END $$", ""},
		{"SELECT nextval('x')", ""},
	} {
		if got := Alike(read(t, c.text), nil); got != c.want {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestWhatShiftsNames(t *testing.T) {
	for text, want := range map[string]bool{
		"UPDATE users SET a = 1 WHERE id = 5": false, "SELECT 1": false, "BEGIN": false, "SET statement_timeout = 5": false,
		"SELECT lower('x')": false, "SET search_path = evil": true, "SET ROLE x": true, "RESET ALL": true, "DISCARD ALL": true,
		"CREATE TEMP TABLE users (id int)": true, "SELECT set_config('search_path', 'evil', false)": true,
		"SELECT set_config(name, 'evil', false) FROM x": true, "SELECT mine()": true, "DO $$ BEGIN END $$": true,
		"SET app.tenant = 5": true, "SELECT * INTO TEMP users FROM x": true,
	} {
		if got := Shifts(read(t, text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestWithParamsChangesACopy(t *testing.T) {
	parts := part(action.EffectRead, sql.Shape{MaxParam: 1})
	got := WithParams(parts, []string{"v"})
	if parts[0].Facts.(*sql.Facts).Params != nil || got[0].Facts.(*sql.Facts).Params[0] != "v" {
		t.Error("the wrong one was changed")
	}
}
