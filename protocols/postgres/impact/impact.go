// Package impact tells people, before they answer, what a statement would change:
// how many rows, of which tables, as PostgreSQL's planner estimates it. The
// statement is planned, over a connection that can only read. It is run only where the
// service says so, and rolled back, if nothing that outlasts that can come of it.
package impact

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/catalog"
	"sallyport.dev/sallyport/protocols/postgres/catalog/rows"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/postgres/sql/known"
	"sallyport.dev/sallyport/protocols/postgres/statement"
	"sallyport.dev/sallyport/protocols/postgres/wire"
)

const (
	patience = 5 * time.Second // people wait for it, and an agent too
	most     = 8               // statements of one message
)

// Of gives lines for people about what a message would change in a session that
// began with start. Shifted says that names may stand for something else there than
// in a fresh one. It is empty where nothing is written; where it cannot be told, it
// says so.
func Of(ctx context.Context, way catalog.Way, m statement.Message, start []wire.Parameter, shifted bool) []byte {
	writes := slices.ContainsFunc(m.Parts, func(p action.Part) bool {
		return p.Effects&(action.EffectWrite|action.EffectDestructive) != 0
	})
	if !writes {
		return nil
	}
	questions, values, ok := explain(m.Parts, m.Values)
	for i := range min(len(values), len(m.Types)) {
		values[i].Type = m.Types[i]
	}
	if !ok || shifted || len(m.Behind) > 0 {
		return []byte("impact: not known, the planner cannot be asked about it\n")
	}
	whole := ctx
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	with := []wire.Parameter{{Name: "statement_timeout", Value: strconv.Itoa(int(patience.Milliseconds()))}}
	for _, p := range start {
		switch name := strings.ToLower(p.Name); {
		case name == "client_encoding" || name == "quote_all_identifiers": // the answer is ours to read
		case !known.KeepsMeaning(name) && p.Value != "":
			with = append(with, p)
		}
	}
	var out []byte
	var plans []Plan
	err := way.Ask(ctx, "the gateway's own question what a statement would change", with, func(r *rows.Source) error {
		for _, text := range questions {
			plan := ""
			if err := r.AskWith(text, values, 1, func(row []string) { plan += row[0] }); err != nil {
				return err
			}
			p := Read(plan)
			plans, out = append(plans, p), append(out, p.line()...)
		}
		return nil
	})
	if err != nil {
		return []byte("impact: not known, the planner gave no answer\n")
	}
	if way.Service.DryRun {
		out = append(out, dryRun(whole, way, m.Parts, values, plans, with)...)
	}
	return out
}

// explain makes the questions about parts. It is false where a text could mean
// something else to the server, or where planning it could do something: functions
// that nobody knows may be run by the planner.
func explain(parts []action.Part, raw []byte) (questions []string, values []wire.Value, ok bool) {
	if raw != nil {
		if values, ok = wire.Values(raw); !ok {
			return nil, nil, false
		}
	}
	if len(parts) > most {
		return nil, nil, false
	}
	for _, p := range parts {
		f, ok := p.Facts.(*sql.Facts)
		if !ok || f.Shape == nil || f.Opaque || len(f.Unlisted) > 0 || len(f.Flagged) > 0 || !statement.Plain(f.Text) {
			return nil, nil, false
		}
		switch f.Verb {
		case "insert", "update", "delete", "merge":
		default:
			if p.Effects&(action.EffectWrite|action.EffectDestructive) != 0 {
				return nil, nil, false
			}
			continue
		}
		questions = append(questions, "EXPLAIN (VERBOSE, FORMAT JSON) "+f.Text)
	}
	return questions, values, len(questions) > 0
}
