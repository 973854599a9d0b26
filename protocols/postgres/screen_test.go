package postgres

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// keeperPassword is that of a superuser: its sessions see what a server keeps of
// everybody's.
const keeperPassword = "canary-of-the-keeper/7f3a"

func keeper(l *line) {
	as("keeper")(l)
	withSecret(keeperPassword)(l)
}

// proofs are all that a server keeps of the passwords of roles, and the password of
// the service in forms that no answer may have.
func proofs(t *testing.T) []string {
	t.Helper()
	out, err := needDatabase(t).psql("postgres", "SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL ORDER BY rolpassword LIKE 'md5%'")
	if err != nil {
		t.Fatal(out)
	}
	var all []string
	for _, v := range strings.Split(out, "\n") {
		if _, keys, ok := strings.Cut(v, "$"); ok { // of SCRAM-SHA-256$4096:salt$StoredKey:ServerKey
			_, keys, _ = strings.Cut(keys, "$")
			all = append(all, strings.Split(keys, ":")...)
		}
		all = append(all, strings.TrimPrefix(v, "md5"))
	}
	if len(all) < 10 || len(all[len(all)-1]) != 32 {
		t.Fatalf("few verifiers, or none of md5 at the end: %q", all)
	}
	for _, v := range all[:len(all):len(all)] {
		all = append(all, hex.EncodeToString([]byte(v)))
	}
	p := []byte(keeperPassword)
	return append(all, keeperPassword, hex.EncodeToString(p), base64.StdEncoding.EncodeToString(p), url.QueryEscape(keeperPassword))
}

// TestT31_NoAnswerOfADatabaseShowsASecret: whatever the kind of message and the
// format, neither the password that was injected nor the verifier of any is in it.
func TestT31_NoAnswerOfADatabaseShowsASecret(t *testing.T) {
	l := newLine(t, keeper)
	never := proofs(t)
	shown := func(name, text string) {
		t.Helper()
		for _, v := range never {
			if strings.Contains(text, v) {
				t.Errorf("%s shows %q", name, v)
			}
		}
		if !strings.Contains(text, "************") {
			t.Errorf("%s masks nothing: %.300q", name, text)
		}
	}
	echo := "'" + keeperPassword + "'"
	for _, text := range []string{
		"SELECT rolname, rolpassword FROM pg_authid",
		"TABLE pg_shadow",
		"SELECT rolpassword::bytea FROM pg_authid",
		"SELECT json_agg(a) FROM pg_authid a",
		"SELECT array_agg(rolpassword) FROM pg_authid",
		"COPY (SELECT rolpassword FROM pg_authid) TO STDOUT",
		"COPY (SELECT rolpassword FROM pg_authid) TO STDOUT (FORMAT csv, FORCE_QUOTE *)",
		"COPY (SELECT rolpassword FROM pg_authid) TO STDOUT (FORMAT binary)",
		"SELECT rolpassword::int FROM pg_authid WHERE rolname = 'keeper'",
		"DO $$ BEGIN RAISE NOTICE '%', (SELECT rolpassword FROM pg_authid WHERE rolname = 'md5_ro'); END $$",
		"DO $$ BEGIN RAISE EXCEPTION 'no' USING HINT = (SELECT rolpassword FROM pg_authid WHERE rolname = 'keeper'); END $$",
		"LISTEN c; SELECT pg_notify('c', rolpassword) FROM pg_authid WHERE rolname = 'keeper'",
		"SELECT " + echo, "SELECT encode(" + echo + ", 'base64')", "SELECT " + echo + "::bytea",
		"SELECT repeat('x', 300000) || " + echo + " || repeat('y', 300000) || rolpassword FROM pg_authid",
		"SELECT repeat('x', 65536 - n) || " + echo + " FROM generate_series(0, 100) n",
		"COPY (SELECT repeat('x', n) || " + echo + " || repeat('y', 700) FROM generate_series(0, 500) n) TO STDOUT",
		"SET application_name = " + echo + "; SHOW application_name",
		"\\pset tuples_only off\nSELECT 1 AS \"" + keeperPassword + "\"",
	} {
		out, err := l.psql("", text)
		if err != nil && !strings.Contains(out, "ERROR") {
			t.Errorf("%s: %v %s", text, err, out)
		}
		shown(text, out)
	}
	c := l.ready(t)
	c.send(
		prepare("", "SELECT rolpassword, rolpassword::bytea, $1::text FROM pg_authid WHERE rolpassword IS NOT NULL"),
		&pgproto3.Bind{ParameterFormatCodes: []int16{1}, Parameters: [][]byte{[]byte(keeperPassword)}, ResultFormatCodes: []int16{1}},
		run(""), syncNow)
	all, rows := "", 0
	for {
		m, err := c.fe.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if row, ok := m.(*pgproto3.DataRow); ok {
			rows++
			all += fmt.Sprintf("%s", row.Values)
		}
		if _, ok := m.(*pgproto3.ReadyForQuery); ok {
			break
		}
	}
	if rows < 4 {
		t.Errorf("%d rows", rows)
	}
	shown("a binary result", all)
	if out, err := l.psql("", "SELECT 7"); err != nil || out != "7" {
		t.Errorf("afterwards: %s %v", out, err)
	}
}

// A session without an account of the gateway's is the agent's own.
func TestWhatIsTheAgentsOwnIsNotMasked(t *testing.T) {
	l := newLine(t, as(""))
	text := keeperPassword + " md5" + strings.Repeat("0", 32)
	if out, err := l.psql("&user=trusting", "SELECT '"+text+"'"); err != nil || out != text {
		t.Errorf("%s, %v", out, err)
	}
}

// What is loaded and dumped is the same bytes, stars aside.
func TestMaskingChangesNothingElse(t *testing.T) {
	l := newLine(t, keeper)
	const text = "COPY (SELECT n, md5(n::text), repeat(chr(33 + n %% 90), n %% 3000) FROM generate_series(1, 3000) n) TO STDOUT %s"
	for _, format := range []string{"", "(FORMAT binary)"} {
		direct, err := needDatabase(t).psql("app", fmt.Sprintf(text, format))
		if err != nil {
			t.Fatal(direct)
		}
		if through, err := l.psql("", fmt.Sprintf(text, format)); err != nil || through != direct {
			t.Errorf("%s: %d bytes, %d directly, %v", format, len(through), len(direct), err)
		}
	}
}
