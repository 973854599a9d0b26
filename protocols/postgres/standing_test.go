package postgres

import (
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

// TestAccountsThatMayTooMuchAreKnown: what the server says of the account, and of
// no other.
func TestAccountsThatMayTooMuchAreKnown(t *testing.T) {
	db := needDatabase(t)
	if out, err := db.psql("app", `
DO $$ BEGIN
  CREATE ROLE belted LOGIN PASSWORD 'canary-pw';
EXCEPTION WHEN duplicate_object THEN END $$;
CREATE SCHEMA IF NOT EXISTS belted; CREATE TABLE IF NOT EXISTS belted."a table" (id int, note text);
GRANT USAGE ON SCHEMA belted TO belted;`); err != nil {
		t.Fatal(out)
	}
	for _, c := range []struct{ grant, user, want string }{
		{"", "root", `account "root" of service app_db in database "app" is a superuser`},
		{"GRANT USAGE ON SCHEMA belted TO trusting", "trusting", `account "trusting" of service app_db in database "app" may make tables in public although the service is read-only`},
		{"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC", "trusting", ""},
		{`GRANT UPDATE (note) ON belted."a table" TO trusting`, "trusting", `may write to belted."a table" although the service is read-only`},
		{`REVOKE ALL ON belted."a table" FROM trusting; ALTER ROLE trusting CREATEROLE`, "trusting", "may make roles although"},
		{"ALTER ROLE trusting NOCREATEROLE; GRANT CREATE ON DATABASE app TO trusting", "trusting", "may make schemas although"},
		{"REVOKE CREATE ON DATABASE app FROM trusting; ALTER ROLE trusting NOINHERIT; GRANT root TO trusting", "trusting", "may become a superuser although"},
	} {
		if out, err := db.psql("app", c.grant); err != nil {
			t.Fatal(out)
		}
		l := newLine(t, func(l *line) { l.auth, l.service.Session.ReadOnly = nil, true })
		l.ready(t, "user", c.user)
		got := strings.Join(l.proto.Warnings(&l.service, []string{c.user}), "\n")
		if !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", c.grant, got, c.want)
		}
	}
	if out, err := db.psql("app", "REVOKE root FROM trusting; ALTER ROLE trusting INHERIT; GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC; GRANT ALL ON SCHEMA public TO PUBLIC"); err != nil {
		t.Fatal(out)
	}
}

// TestAServerThatDoesNotSayIsNoTrouble: the session begins all the same.
func TestAServerThatDoesNotSayIsNoTrouble(t *testing.T) {
	l := newLine(t, func(l *line) { l.service.Session.ReadOnly, l.service.Session.StatementTimeout = true, 1 })
	cl := l.ready(t)                               // in a millisecond the server cannot tell
	await(t, "a transaction begins", func() bool { // nor is it always enough for that
		cl.send(query("BEGIN"))
		return strings.HasSuffix(cl.until('Z'), "Z:T")
	})
	if got := l.proto.Warnings(&action.Service{Name: "another"}, nil); got != nil {
		t.Error(got)
	}
}
