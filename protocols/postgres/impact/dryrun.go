package impact

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/catalog"
	"sallyport.dev/sallyport/protocols/postgres/catalog/rows"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

// What a dry run may take: people wait for it, and the rows that it writes are locked
// as long.
const (
	runFor   = 5 * time.Second // all of it
	stepFor  = 2 * time.Second // one statement
	locksFor = 300 * time.Millisecond
)

// unrun is why a dry run is not made, in words that are ours.
type unrun struct{ why string }

func (u unrun) Error() string { return u.why }

// dryRun runs the statements of a message over a connection of its own, as the account
// of the session, in one transaction, and rolls it back. It gives lines for people.
func dryRun(ctx context.Context, way catalog.Way, parts []action.Part, values []wire.Value, plans []Plan, with []wire.Parameter) []byte {
	texts, err := runnable(parts, way.Service.Session.ReadOnly)
	if err != nil {
		return fmt.Appendf(nil, "dry run: not made, %v\n", err)
	}
	ctx, stop := context.WithTimeout(ctx, runFor)
	defer stop()
	var tags []string
	err = way.Ask(ctx, "the gateway's own dry run of a statement, rolled back", with, func(r *rows.Source) error {
		if err := harmless(r, parts, plans); err != nil {
			return err
		}
		tags, err = rehearse(r, texts, values)
		return err
	})
	var why unrun
	switch {
	case errors.As(err, &why):
		return fmt.Appendf(nil, "dry run: not made, %s\n", why.why)
	case errors.Is(err, rows.ErrSaid):
		return fmt.Appendf(nil, "dry run: it would fail, %s\n", clipped(err.Error()))
	case err != nil:
		return []byte("dry run: not known, the server gave no answer\n")
	}
	return fmt.Appendf(nil, "dry run: %s (run a moment ago and rolled back)\n", strings.Join(tags, ", "))
}

// runnable gives the texts that can be rehearsed: nothing but plain writes. What calls
// functions that act was refused before, see explain.
func runnable(parts []action.Part, readOnly bool) ([]string, error) {
	if readOnly {
		return nil, unrun{"the service only reads"}
	}
	var texts []string
	for _, p := range parts {
		f, ok := p.Facts.(*sql.Facts)
		if !ok || f.Shape == nil {
			return nil, unrun{"a statement is not understood"}
		}
		switch f.Verb {
		case "insert", "update", "delete", "merge":
		default:
			return nil, unrun{"the message does more than insert, update, delete and merge"}
		}
		texts = append(texts, f.Text)
	}
	return texts, nil
}

// rehearse runs the texts and takes everything back. Nothing commits: the transaction
// ends with ROLLBACK, or with the connection.
func rehearse(r *rows.Source, texts []string, values []wire.Value) (tags []string, err error) {
	begin := fmt.Sprintf("BEGIN READ WRITE; SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %d; SET LOCAL idle_in_transaction_session_timeout = %d",
		locksFor.Milliseconds(), stepFor.Milliseconds(), runFor.Milliseconds())
	if _, err := r.Run(begin, nil); err != nil {
		return nil, err
	}
	for _, text := range texts {
		tag, failed := r.Run(text, append([]wire.Value{}, values...))
		if failed != nil {
			err = failed
			break
		}
		tags = append(tags, plainTag(tag))
	}
	if _, back := r.Run("ROLLBACK", nil); err == nil {
		err = back
	}
	return tags, err
}

// plainTag leaves of what the server says what a tag may hold.
func plainTag(tag string) string {
	return strings.Map(func(c rune) rune {
		if c == ' ' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' {
			return c
		}
		return '?'
	}, tag[:min(len(tag), 60)])
}

// clipped is a message of the server, which may hold what an agent wrote.
func clipped(s string) string {
	const most = 300
	q := strconv.QuoteToASCII(s[:min(len(s), most)])
	return q[1 : len(q)-1]
}

// harmless fails unless a rollback undoes all that the statements could do: they touch
// ordinary tables, and no trigger, rule, sequence or function of somebody's stands
// behind these or those that follow them by a foreign key.
func harmless(r *rows.Source, parts []action.Part, plans []Plan) error {
	var changed, named []string
	draws := false // takes values that are made by the table
	for _, p := range plans {
		if !p.known || p.Foreign {
			return unrun{"the planner does not say what it would touch"}
		}
		changed, named = append(changed, p.Changes...), append(append(named, p.Changes...), p.Reads...)
	}
	for _, p := range parts {
		f, _ := p.Facts.(*sql.Facts)
		draws = draws || f.Verb == "insert" || f.Verb == "merge" || strings.Contains(strings.ToLower(f.Text), "default")
		named = append(named, f.Tables...)
	}
	if err := told(r, strangers, nil); err != nil {
		return err
	}
	for i, list := range [][]string{changed, named} {
		slices.Sort(list)
		for _, table := range slices.Compact(list) {
			if err := clear(r, table, i == 0, draws); err != nil {
				return err
			}
		}
	}
	return nil
}

// clear looks at one table. Table is as the planner and the facts write it.
func clear(r *rows.Source, table string, changed, draws bool) error {
	schema, name, ok := strings.Cut(table, ".")
	if !ok {
		schema, name = "", table
	}
	text := func(s string) wire.Value { return wire.Value{Bytes: []byte(s)} }
	flag := func(b bool) wire.Value { return text(strconv.FormatBool(b)) }
	return told(r, hazards, []wire.Value{text(schema), text(name), flag(changed), flag(draws)})
}

// told asks a question whose answer is why there is no dry run, "" for nothing.
func told(r *rows.Source, question string, values []wire.Value) error {
	why, seen := "", false
	err := r.AskWith(question, values, 1, func(row []string) {
		why, seen = row[0], true
	})
	switch {
	case err != nil:
		return err
	case !seen:
		return unrun{"what stands behind a table cannot be told"}
	case why != "":
		return unrun{why}
	}
	return nil
}

// hazards says why changing a table could do more than a rollback undoes; "" if it
// could not. What the catalogs say of functions leaves out those of the server itself,
// of which the ones that act are called by no default but those of sequences.
const hazards = `
WITH RECURSIVE start AS (
  SELECT CASE WHEN $1::text = '' THEN to_regclass(quote_ident($2::text)) ELSE to_regclass(quote_ident($1::text) || '.' || quote_ident($2::text)) END AS oid
), touched(oid) AS (
  SELECT oid::oid FROM start WHERE oid IS NOT NULL
  UNION
  SELECT x.oid FROM touched t, LATERAL (
    SELECT inhrelid AS oid FROM pg_catalog.pg_inherits WHERE inhparent = t.oid
    UNION ALL
    SELECT inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = t.oid
    UNION ALL
    SELECT conrelid FROM pg_catalog.pg_constraint WHERE confrelid = t.oid AND contype = 'f'
      AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))
  ) x WHERE $3::boolean
), parts(classid, objid) AS (
  SELECT 'pg_catalog.pg_attrdef'::regclass::oid, d.oid FROM pg_catalog.pg_attrdef d JOIN touched t ON d.adrelid = t.oid WHERE $3::boolean
  UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, c.oid FROM pg_catalog.pg_constraint c JOIN touched t ON c.conrelid = t.oid WHERE $3::boolean
  UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, c.oid FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_attribute a ON c.contypid = a.atttypid JOIN touched t ON a.attrelid = t.oid WHERE c.contypid <> 0 AND $3::boolean
  UNION ALL SELECT 'pg_catalog.pg_class'::regclass, i.indexrelid FROM pg_catalog.pg_index i JOIN touched t ON i.indrelid = t.oid WHERE $3::boolean
  UNION ALL SELECT 'pg_catalog.pg_policy'::regclass, p.oid FROM pg_catalog.pg_policy p JOIN touched t ON p.polrelid = t.oid
)
SELECT CASE
  WHEN NOT EXISTS (SELECT FROM touched) THEN 'a table is not found'
  WHEN EXISTS (SELECT FROM touched t JOIN pg_catalog.pg_class c ON c.oid = t.oid WHERE c.relkind NOT IN ('r', 'p', CASE WHEN $3::boolean THEN 'r' ELSE 'm' END)) THEN 'it touches what is no ordinary table'
  WHEN $3::boolean AND EXISTS (SELECT FROM touched t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal) THEN 'a table has triggers'
  WHEN $3::boolean AND EXISTS (SELECT FROM touched t JOIN pg_catalog.pg_rewrite w ON w.ev_class = t.oid) THEN 'a table has rules'
  WHEN EXISTS (SELECT FROM parts p JOIN pg_catalog.pg_depend d ON d.classid = p.classid AND d.objid = p.objid WHERE d.refclassid = 'pg_catalog.pg_proc'::regclass) THEN 'functions of the database stand behind a table'
  WHEN $4::boolean AND (EXISTS (SELECT FROM parts p JOIN pg_catalog.pg_depend d ON d.classid = p.classid AND d.objid = p.objid JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND d.refclassid = 'pg_catalog.pg_class'::regclass WHERE c.relkind = 'S')
    OR EXISTS (SELECT FROM touched t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid WHERE a.attidentity <> '')) THEN 'it would take numbers of a sequence'
  ELSE '' END`

// strangers says whether a text that calls no function of the database may run one all
// the same: by an operator, by a cast that nobody sees, by how values of a type are
// ordered, by what a domain checks. Which of them a text comes to only the server knows,
// so one anywhere is enough. Those in C are of an extension, and a superuser's.
const strangers = `
WITH own AS (
  SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  WHERE p.oid >= 16384 AND l.lanname NOT IN ('internal', 'c')
)
SELECT CASE
  WHEN EXISTS (SELECT FROM own JOIN pg_catalog.pg_operator o ON o.oprcode = own.oid)
    OR EXISTS (SELECT FROM own JOIN pg_catalog.pg_cast c ON c.castfunc = own.oid)
    OR EXISTS (SELECT FROM own JOIN pg_catalog.pg_amproc a ON a.amproc = own.oid)
    OR EXISTS (SELECT FROM own JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_proc'::regclass AND d.refobjid = own.oid
      JOIN pg_catalog.pg_constraint c ON d.classid = 'pg_catalog.pg_constraint'::regclass AND c.oid = d.objid WHERE c.contypid <> 0)
  THEN 'functions of the database stand behind its operators, casts or types' ELSE '' END`
