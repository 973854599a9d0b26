package spending

import (
	"context"
	"database/sql"
	"errors"

	"sallyport.dev/sallyport/audit/record"
)

// maxDifferences bounds what Check gives: behind the first few there is nothing to learn.
const maxDifferences = 20

// A Difference is one place where the table and the records are not of one mind.
type Difference struct {
	Seq  uint64
	What string
}

// Check holds the table of a month against its records, which the chain proves: who can
// write to the file could make a sum smaller than what was spent.
func Check(ctx context.Context, db *sql.DB) ([]Difference, error) {
	found, err := checkRecords(ctx, db)
	if err != nil || len(found) >= maxDifferences {
		return found, err
	}
	rows, err := db.QueryContext(ctx, "SELECT seq FROM usage WHERE seq NOT IN (SELECT seq FROM records) ORDER BY seq LIMIT ?", maxDifferences-len(found))
	if err != nil {
		return found, err
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return found, err
		}
		found = append(found, Difference{uint64(seq), "usage is counted that no record has"})
	}
	return found, rows.Err()
}

// checkRecords looks at every record that has usage, or is said to.
func checkRecords(ctx context.Context, db *sql.DB) (found []Difference, err error) {
	rows, err := db.QueryContext(ctx, `SELECT r.seq, r.body, u.seq IS NOT NULL, coalesce(at, 0), coalesce(u.agent, ''), coalesce(service, ''), coalesce(provider, ''), coalesce(model, ''),
			coalesce(estimated, 0), coalesce(unpriced, 0), coalesce(input, 0), coalesce(cache_read, 0), coalesce(cache_write, 0), coalesce(output, 0), coalesce(reasoning, 0), coalesce(cost, 0)
		FROM records r LEFT JOIN usage u ON u.seq = r.seq
		WHERE u.seq IS NOT NULL OR instr(r.body, '"usage":') > 0 ORDER BY r.seq`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for len(found) < maxDifferences && rows.Next() {
		var seq int64
		var body []byte
		var counted bool
		var is row
		err := rows.Scan(&seq, &body, &counted, &is.at, &is.agent, &is.service, &is.provider, &is.model, &is.estimated, &is.unpriced,
			&is.input, &is.cacheRead, &is.cacheWrite, &is.output, &is.reasoning, &is.cost)
		if err != nil {
			return found, err
		}
		if what := differs(body, counted, is); what != nil {
			found = append(found, Difference{uint64(seq), what.Error()})
		}
	}
	return found, rows.Err()
}

var (
	errMissing  = errors.New("its usage is not counted")
	errInvented = errors.New("usage is counted that the record does not have")
	errOther    = errors.New("its usage is counted otherwise than the record says")
)

// differs says how a row is not what its record says; nil: it is.
func differs(body []byte, counted bool, is row) error {
	r, err := record.Decode(body)
	switch {
	case err != nil:
		return nil //nolint:nilerr // the chain tells of a record that cannot be read
	case r.Usage == nil && counted:
		return errInvented
	case r.Usage == nil:
		return nil
	case !counted:
		return errMissing
	}
	if want, err := rowOf(&r); err != nil || want != is {
		return errOther
	}
	return nil
}
