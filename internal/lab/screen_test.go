package lab_test

import (
	"context"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/lab"
)

// TestT31_WhatIsInsideAnAccountIsMasked: the password goes out and not the secret that
// holds it with its user.
func TestT31_WhatIsInsideAnAccountIsMasked(t *testing.T) {
	l := lab.New(t, strings.Replace(mainJob, `password("postgres", secret.db)`, `password(secret.db)`, 1))
	l.Secret("db", `{"username": "postgres", "password": "upstream-password"}`)
	l.Postgres("db.example.com")
	c, err := l.Agent("laptop").PG(t.Context(), "postgres://x@db.example.com/postgres?sslmode=disable")
	if err != nil {
		t.Fatalf("%v; the log:\n%s", err, l.Logs)
	}
	defer c.Close(context.Background())
	for text, want := range map[string]string{
		"SELECT 'upstream' || '-' || 'password'":                         "*****************",
		"SELECT upper('upstream') || '-' || 'password'":                  "UPSTREAM-password",
		"SELECT encode(('upstream' || '-' || 'password')::bytea, 'hex')": strings.Repeat("*", 34),
		"SELECT ('upstream' || '-' || 'password')::int::text":            "22P02",
	} {
		var got string
		if err := c.QueryRow(t.Context(), text).Scan(&got); err != nil {
			got = sqlstate(err)
			if strings.Contains(err.Error(), "upstream-password") {
				t.Errorf("%s: %v", text, err)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
