// Package spending keeps what language models took beside the records it stands in,
// so that sums over weeks need not read every record. It is an index: the records
// are what counts, and it goes with the month that they go with.
package spending

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/audit/usage"
)

// Schema is a step of the schema of a month.
const Schema = `CREATE TABLE usage (
	seq         INTEGER PRIMARY KEY, -- of the record
	at          INTEGER NOT NULL,    -- seconds, when the agent asked
	agent       TEXT NOT NULL,       -- JSON
	service     TEXT NOT NULL,
	provider    TEXT NOT NULL,
	model       TEXT NOT NULL,
	estimated   INTEGER NOT NULL,
	unpriced    INTEGER NOT NULL,
	input       INTEGER NOT NULL,
	cache_read  INTEGER NOT NULL,
	cache_write INTEGER NOT NULL,
	output      INTEGER NOT NULL,
	reasoning   INTEGER NOT NULL,
	cost        INTEGER NOT NULL -- billionths of a dollar
);`

// A Writer is a connection in a transaction.
type Writer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Insert notes what records took. Those of no language model cost a look.
func Insert(ctx context.Context, w Writer, rs []record.Record) error {
	for i := range rs {
		if u := rs[i].Usage; u == nil {
			continue
		}
		if err := insert(ctx, w, &rs[i]); err != nil {
			return fmt.Errorf("usage of record %d: %w", rs[i].Seq, err)
		}
	}
	return nil
}

func insert(ctx context.Context, w Writer, r *record.Record) error {
	one, err := rowOf(r)
	if err != nil {
		return err
	}
	_, err = w.ExecContext(ctx, "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		int64(r.Seq), one.at, one.agent, one.service, one.provider, one.model, one.estimated, one.unpriced,
		one.input, one.cacheRead, one.cacheWrite, one.output, one.reasoning, one.cost)
	return err
}

// A row is what one record becomes in the table, without its number.
type row struct {
	at                                                    int64
	agent, service, provider, model                       string
	estimated, unpriced                                   bool
	input, cacheRead, cacheWrite, output, reasoning, cost int64
}

func rowOf(r *record.Record) (row, error) {
	agent := r.Agent
	agent.Addr = "" // it may be another one each time
	who, err := json.Marshal(agent)
	if err != nil {
		return row{}, err
	}
	u := r.Usage
	return row{
		at: r.Time.Unix(), agent: string(who), service: text(r.Service), provider: text(u.Provider), model: text(cmp.Or(u.Model, u.Asked)),
		estimated: u.Estimated, unpriced: u.Price == "",
		input: u.Input, cacheRead: u.CacheRead, cacheWrite: u.CacheWrite + u.CacheWriteLong, output: u.Output, reasoning: u.Reasoning, cost: u.Cost,
	}, nil
}

// text is s as the JSON of a record has it.
func text(s string) string { return string([]rune(s)) }

// Sums gives what a month has within q, added up by all that usage can be grouped by.
func Sums(ctx context.Context, db *sql.DB, q usage.Query) ([]usage.Row, error) {
	step := int64(q.Step / time.Second)
	rows, err := db.QueryContext(ctx, `SELECT CASE WHEN ?1 > 0 THEN at - at % ?1 ELSE 0 END AS step, agent, service, provider, model,
			count(*), sum(estimated), sum(unpriced), sum(input), sum(cache_read), sum(cache_write), sum(output), sum(reasoning), sum(cost)
		FROM usage WHERE at >= ?2 AND at < ?3 GROUP BY step, agent, service, provider, model, unpriced`,
		step, q.Since.Unix(), q.Until.Unix())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []usage.Row
	for rows.Next() {
		var r usage.Row
		var at int64
		var who []byte
		if err := rows.Scan(&at, &who, &r.Service, &r.Provider, &r.Model, &r.Requests, &r.Estimated, &r.Unpriced,
			&r.Input, &r.CacheRead, &r.CacheWrite, &r.Output, &r.Reasoning, &r.Cost); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(who, &r.Agent); err != nil {
			return nil, fmt.Errorf("who it was: %w", err)
		}
		if step > 0 {
			r.At = time.Unix(at, 0).UTC()
		}
		all = append(all, r)
	}
	return all, rows.Err()
}
