package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/record"
)

// Select gives the records that q.Match accepts, newest first, at most q.Limit.
func (s *Store) Select(ctx context.Context, q audit.Query) ([]audit.Record, error) {
	var found []audit.Record
	all := s.months.all()
	for _, mo := range slices.Backward(all) {
		if !q.Since.IsZero() && mo.name < audit.MonthOf(q.Since) {
			break
		}
		var err error
		if found, err = mo.find(ctx, q, found); err != nil {
			return nil, fmt.Errorf("audit %s: %w", mo.name, err)
		}
		if len(found) >= q.Limit {
			break
		}
	}
	return found, nil
}

// find appends what q wants of the month. SQL leaves out most of what does not
// match; Match decides.
func (mo *month) find(ctx context.Context, q audit.Query, found []audit.Record) ([]audit.Record, error) {
	where, args := conditions(q)
	rows, err := mo.read.QueryContext(ctx, "SELECT recorded, body FROM records WHERE "+where+" ORDER BY seq DESC", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for len(found) < q.Limit && rows.Next() {
		var recorded int64
		var body []byte
		if err := rows.Scan(&recorded, &body); err != nil {
			return nil, err
		}
		// A record is never older than its action, and those further on are older.
		if !q.Since.IsZero() && time.UnixMicro(recorded).Before(q.Since) {
			break
		}
		r, err := record.Decode(body)
		if err != nil {
			continue // Verify tells of it; a damaged record must not hide the others
		}
		if q.Match(&r) {
			found = append(found, r)
		}
	}
	return found, rows.Err()
}

// conditions gives SQL that is true for every record that q matches.
func conditions(q audit.Query) (string, []any) {
	where := []string{"1"}
	var args []any
	if q.Before > 0 {
		where, args = append(where, "seq < ?"), append(args, int64(q.Before))
	}
	if q.After > 0 {
		where, args = append(where, "seq > ?"), append(args, int64(q.After))
	}
	// Text first: it leaves the least for the others to be looked for in.
	terms := slices.SortedStableFunc(slices.Values(q.Terms), func(a, b audit.Term) int { return min(len(a.Field), 1) - min(len(b.Field), 1) })
	for _, t := range terms {
		if t.Not {
			continue
		}
		var any []string
		for _, v := range t.Values {
			sql, arg := condition(t.Field, v)
			if part := caseless(t.Field, v); part != "" { // which is found far faster
				sql, args = "instr(body, ?) > 0 AND "+sql, append(args, part)
			}
			any, args = append(any, sql), append(args, arg)
		}
		where = append(where, "("+strings.Join(any, " OR ")+")")
	}
	return strings.Join(where, " AND "), args
}

// condition is one value of one term. A field that is no column is looked for as
// it stands in the JSON of the record.
func condition(field, value string) (string, any) {
	switch field {
	case "id":
		return "id = ?", value
	case "agent":
		return "agent = ?", value
	case "asked":
		if value == "yes" {
			return `(instr(body, ?) > 0 OR instr(body, '"verdict":"ask"') > 0)`, `"asks":`
		}
		return "? <> ''", value // Match tells
	case "secret": // with its version, among others
		return "instr(body, ?) > 0", record.Needle(value)
	case "":
		// LIKE folds the case of ASCII only; Match does the rest.
		pattern := strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(record.Needle(value))
		return `body LIKE ? ESCAPE '\'`, "%" + strings.Map(wildcard, pattern) + "%"
	default:
		return "instr(body, ?) > 0", `"` + field + `":"` + record.Needle(value) + `"`
	}
}

// caseless gives the longest part of a text that has no letters, so that it stands
// in every record with the text as it is; "" where that would tell little.
func caseless(field, value string) string {
	if field != "" {
		return ""
	}
	longest := ""
	for _, part := range strings.FieldsFunc(record.Needle(value), func(r rune) bool {
		return r >= 0x80 || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '\\'
	}) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	if len(longest) < 3 {
		return ""
	}
	return longest
}

// wildcard stands for any one letter where the case of r is not ASCII's business.
func wildcard(r rune) rune {
	if r >= 0x80 {
		return '_'
	}
	return r
}
