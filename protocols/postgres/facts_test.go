package postgres

import (
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/sql"

	"github.com/jackc/pgx/v5"
)

// TestFactsOfASession: what a rule may read of the conversation is what the
// server said of it, and how each statement came.
func TestFactsOfASession(t *testing.T) {
	l := newLine(t)
	c := l.connect(t, "&application_name=probe")
	ctx := t.Context()
	if _, err := c.Exec(ctx, "SELECT 'simple'", pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	rows, err := c.Query(ctx, "SELECT name FROM users ORDER BY id LIMIT $1", pgx.QueryExecModeExec, 3)
	if err != nil {
		t.Fatal(err)
	}
	rows.Close()
	seen := map[string]*sql.Facts{}
	l.mu.Lock()
	for _, r := range l.records {
		for _, p := range r.act.Parts {
			if f, ok := p.Facts.(*sql.Facts); ok && f.Text != "" {
				seen[strings.Fields(f.Text)[1]] = f
			}
		}
	}
	l.mu.Unlock()
	simple, extended := seen["'simple'"], seen["name"]
	if simple == nil || extended == nil {
		t.Fatalf("seen: %v", seen)
	}
	if simple.Protocol != "simple" || extended.Protocol != "extended" {
		t.Errorf("by %s and %s", simple.Protocol, extended.Protocol)
	}
	for _, f := range []*sql.Facts{simple, extended} {
		if f.Database != "app" || f.Application != "probe" || f.Role == "" || sql.Major(f.ServerVersion) < 13 {
			t.Errorf("%+v", *f.Conversation)
		}
	}
	for _, s := range sql.FactTable().Facts {
		switch s.Name {
		case "sql.limit":
			if n, state := s.Num(extended); n != 3 || state != action.Known {
				t.Errorf("the limit is %v, %v", n, state)
			}
		case "sql.role":
			if role, _ := s.Str(simple); role != simple.Role {
				t.Errorf("the role is %q", role)
			}
		}
	}
}
