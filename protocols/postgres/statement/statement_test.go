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

// TestT40_WhatATextMeansIsApproved proves that a yes to '01/02/2027' of one session
// is none to that of another, where the same text is another day.
func TestT40_WhatATextMeansIsApproved(t *testing.T) {
	parts := read(t, "DELETE FROM bookings WHERE day < '01/02/2027'")
	under := func(name, value string) string {
		return string(Digest(parts, nil, nil, Setting{Start: []wire.Parameter{{Name: name, Value: value}}}))
	}
	for _, c := range []struct {
		name, one, other string
		means            bool // it changes what a text means
	}{
		{"DateStyle", "ISO, MDY", "ISO, DMY", true},
		{"datestyle", "ISO, MDY", "ISO, DMY", true},
		{"TimeZone", "UTC", "Asia/Tokyo", true},
		{"IntervalStyle", "postgres", "sql_standard", true},
		{"lc_monetary", "C", "de_DE", true},
		{"lc_numeric", "C", "de_DE", true},
		{"lc_time", "C", "de_DE", true},
		{"default_text_search_config", "simple", "english", true},
		{"xmloption", "content", "document", true},
		{"xmlbinary", "base64", "hex", true},
		{"bytea_output", "hex", "escape", true},
		{"extra_float_digits", "0", "3", true},
		{"quote_all_identifiers", "on", "off", true},
		{"seed", "0", "1", true},
		{"client_encoding", "UTF8", "SQL_ASCII", true},
		{"search_path", "a", "b", true},
		{"app.tenant", "a", "b", true},
		{"application_name", "a", "b", false},
		{"client_min_messages", "notice", "error", false},
		{"jit", "on", "off", false},
		{"enable_seqscan", "on", "off", false},
	} {
		if got := under(c.name, c.one) != under(c.name, c.other); got != c.means {
			t.Errorf("at start-up: %s is part of the digest: %v, want %v", c.name, got, c.means)
		}
		if strings.Contains(c.name, ".") {
			continue
		}
		for _, text := range []string{
			"SET " + c.name + " = '" + c.one + "'", "SET LOCAL " + c.name + " = '" + c.one + "'", "RESET " + c.name,
			"SET " + c.name + " TO DEFAULT", "SELECT set_config('" + c.name + "', '" + c.one + "', false)",
		} {
			if got := Shifts(read(t, text)); got != c.means {
				t.Errorf("%s: shifts %v, want %v", text, got, c.means)
			}
		}
	}
	for text, want := range map[string]bool{
		"SET TIME ZONE 'Asia/Tokyo'": true, "SET TIME ZONE LOCAL": true, "SET NAMES 'UTF8'": true, "SET XML OPTION DOCUMENT": true,
		"UPDATE pg_settings SET setting = 'ISO, DMY' WHERE name = 'DateStyle'": true, "SET array_nulls = off": true, "SET standard_conforming_strings = on": true, "SET TRANSACTION READ ONLY": false,
		"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE": false, "SET lock_timeout = 5": false,
	} {
		if got := Shifts(read(t, text)); got != want {
			t.Errorf("%s: shifts %v, want %v", text, got, want)
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
