package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/audit/report"
)

// maxProblems bounds a Report: behind the first few there is nothing to learn.
const maxProblems = 100

var errStop = errors.New("stop")

type (
	// Report is what Verify found.
	Report = report.Report
	// Problem is one thing that is not as it was written.
	Problem = report.Problem
	// Gap is records that are missing.
	Gap = report.Gap
)

// Verify reads the whole log and checks that nothing was changed, removed, put
// in, put elsewhere or cut off since it was written.
//
// A head is signed at a start, at Close, with the first record after a minute
// without a signature, and once a minute while records come. Who can write to
// the files can cut off, unseen, what came after the last one: at most a minute,
// and what was being done when the process was killed. Who can read the vault's
// key as well can sign what he likes: keep Report.Signed somewhere else.
func (l *Log) Verify(ctx context.Context) (Report, error) {
	return Verify(ctx, l.store, l.publicKey())
}

// Verify is Log.Verify for a store that no log has open; heads must be signed
// with key, or by nobody if it is nil.
func Verify(ctx context.Context, store interface {
	Heads
	Reader
}, key ed25519.PublicKey,
) (Report, error) {
	v, err := check(ctx, store, key)
	return v.report, err
}

// check is Verify, with what only Accept wants to know.
func check(ctx context.Context, store interface {
	Heads
	Reader
}, key ed25519.PublicKey,
) (v *verifier, err error) {
	v = &verifier{key: key, gaps: map[uint64]Head{}, open: map[uint64]Head{}}
	if v.heads, err = store.LoadHeads(ctx); err != nil {
		return v, fmt.Errorf("verify audit log: %w", err)
	}
	v.begin()
	if err := store.Scan(ctx, 0, v.row); err != nil && !errors.Is(err, errStop) {
		return v, fmt.Errorf("verify audit log: %w", err)
	}
	v.end()
	return v, nil
}

// A verifier walks down the chain.
type verifier struct {
	key    ed25519.PublicKey
	heads  map[string]Head
	latest Head
	gaps   map[uint64]Head // that were accepted, by the first missing record
	open   map[uint64]Head // that could be: the last missing record, as the chain names it
	broken []uint64        // of the heads that the records denied at a start
	next   uint64          // expected Seq
	prev   Hash            // expected Prev
	report Report
}

func (v *verifier) problem(seq uint64, format string, args ...any) {
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, Problem{Seq: seq, What: fmt.Sprintf(format, args...)})
	}
}

// begin checks the heads; the chain goes on from the last dropped month.
func (v *verifier) begin() {
	v.next = 1
	for _, name := range slices.Sorted(maps.Keys(v.heads)) {
		h := v.heads[name]
		if strings.HasPrefix(name, brokenPrefix) {
			if within(v.gaps, h.Seq) {
				continue
			}
			v.broken = append(v.broken, h.Seq)
			v.problem(h.Seq, "at a start of the gateway the records did not reach the head that was signed at %s", h.Time.Format(time.RFC3339))
			continue
		}
		if wrong := h.verify(name, v.key); wrong != "" {
			v.problem(h.Seq, "the head %q %s", name, wrong)
			continue
		}
		if from, ok := strings.CutPrefix(name, acceptedPrefix); ok {
			n, _ := strconv.ParseUint(from, 10, 64)
			v.gaps[n] = h
			v.report.Accepted = append(v.report.Accepted, Gap{From: n, To: h.Seq, At: h.Time})
		}
		if month, ok := strings.CutPrefix(name, droppedPrefix); ok {
			v.report.Dropped = append(v.report.Dropped, month)
			if h.Seq >= v.next {
				v.next, v.prev = h.Seq+1, h.Hash
			}
		}
		if name == latestHead {
			v.latest = h
			v.report.Signed, v.report.SignedAt = h.Seq, h.Time
		}
	}
}

// row checks one row against the one before.
func (v *verifier) row(row Row) error {
	if v.report.Records == 0 {
		v.report.First = row.Seq
	}
	v.report.Records++
	if n := len(v.report.Months); n == 0 || v.report.Months[n-1] != row.Month {
		v.report.Months = append(v.report.Months, row.Month)
	}
	switch {
	case row.Seq > v.next && v.gaps[v.next].Seq == row.Seq-1:
		v.prev = v.gaps[v.next].Hash
	case row.Seq > v.next:
		v.problem(v.next, "%d records are missing", row.Seq-v.next)
		if r, err := record.Decode(row.Body); err == nil {
			v.open[v.next] = Head{Seq: row.Seq - 1, Hash: r.Prev}
			v.prev = r.Prev // what is missing says nothing of what is there
		}
	case row.Seq < v.next:
		v.problem(row.Seq, "the record stands where %d should", v.next)
	}
	v.body(row)
	hash := Hash(sha256.Sum256(row.Body))
	if row.Seq == v.latest.Seq && hash != v.latest.Hash {
		v.problem(row.Seq, "the record is not the one that was signed")
	}
	v.report.Last = row.Seq
	v.next, v.prev = row.Seq+1, hash
	if len(v.report.Problems) >= maxProblems {
		return errStop
	}
	return nil
}

// body checks a row against its own body, and the body against the row before.
func (v *verifier) body(row Row) {
	r, err := record.Decode(row.Body)
	switch {
	case err != nil:
		v.problem(row.Seq, "the record cannot be read: %v", err)
	case r.Seq != row.Seq || r.ID != row.ID || r.Agent.Name != row.Agent || !r.Recorded.Equal(row.Recorded) || MonthOf(r.Recorded) != row.Month:
		v.problem(row.Seq, "the record is filed under another number, id, agent or time")
	case r.Prev != v.prev:
		v.problem(row.Seq, "the record does not follow the one before: that one or this one was changed")
	}
}

// end checks that the chain reaches the signed head.
func (v *verifier) end() {
	if g, ok := v.gaps[v.next]; ok && g.Seq == v.latest.Seq {
		return
	}
	if v.report.Last < v.latest.Seq && v.next <= v.latest.Seq && len(v.report.Problems) < maxProblems {
		v.open[v.next] = v.latest
		v.problem(v.latest.Seq, "%d records at the end are missing: the head signed at %s is not reached", v.latest.Seq-v.next+1, v.latest.Time.Format(time.RFC3339))
	}
	if v.key != nil && v.report.Records > 0 && v.latest.Seq == 0 {
		v.problem(0, "there is no signed head")
	}
}
