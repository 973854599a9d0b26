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
	v = &verifier{key: key, signed: map[uint64]Hash{}, gaps: map[uint64]Head{}, open: map[uint64]Head{}}
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
	signed map[uint64]Hash // of records, by the heads
	gaps   map[uint64]Head // that were accepted, by the first missing record
	open   map[uint64]Head // that could be: what is to be signed
	broken []uint64        // of the heads that the records denied at a start
	next   uint64          // expected Seq
	prev   Hash            // expected Prev
	proven uint64          // the last record that a head covers
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
		mark := strings.HasPrefix(name, markPrefix)
		as := name
		if mark {
			as = latestHead
		}
		if wrong := h.Verify(as, v.key); wrong != "" {
			v.problem(h.Seq, "the head %q %s", name, wrong)
			continue
		}
		if from, ok := strings.CutPrefix(name, acceptedPrefix); ok {
			n, _ := strconv.ParseUint(from, 10, 64)
			if n > 1 && h.Before == (Hash{}) {
				continue // of a version that did not sign what stands before
			}
			v.gaps[n] = h
			v.report.Accepted = append(v.report.Accepted, accepted(n, h))
		}
		if strings.HasPrefix(name, foundPrefix) {
			v.report.Found = append(v.report.Found, report.Found{To: h.Seq, At: h.Time})
		}
		if month, ok := strings.CutPrefix(name, droppedPrefix); ok {
			v.report.Dropped = append(v.report.Dropped, month)
			if h.Seq >= v.next {
				v.next, v.prev, v.proven = h.Seq+1, h.Hash, h.Seq
			}
		}
		if name == latestHead {
			v.latest = h
			v.report.Signed, v.report.SignedAt = h.Seq, h.Time
		}
		if mark || name == latestHead {
			if old, ok := v.signed[h.Seq]; ok && old != h.Hash {
				v.problem(h.Seq, "two different records were signed under this number")
			}
			v.signed[h.Seq] = h.Hash
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
	case row.Seq > v.next:
		last := Head{Seq: row.Seq - 1}
		if r, err := record.Decode(row.Body); err == nil {
			last.Hash = r.Prev // what is missing says nothing of what is there
		}
		v.gap(last, v.next, fmt.Sprintf("%d records are missing", row.Seq-v.next))
	case row.Seq < v.next:
		v.problem(row.Seq, "the record stands where %d should", v.next)
	}
	v.body(row)
	hash := Hash(sha256.Sum256(row.Body))
	if signed, ok := v.signed[row.Seq]; ok {
		v.proven = row.Seq
		if hash != signed {
			v.problem(row.Seq, "the record is not the one that was signed")
		}
	}
	v.report.Last = row.Seq
	v.next, v.prev = row.Seq+1, hash
	if len(v.report.Problems) >= maxProblems {
		return errStop
	}
	return nil
}

// gap goes on behind the records from next to last that are missing, which is a
// problem at number seq unless that was accepted with what stands before them.
func (v *verifier) gap(last Head, seq uint64, missing string) {
	from := v.next
	g, known := v.gaps[from]
	last.Before = v.prev
	switch {
	case known && g.Before != v.prev:
		v.problem(from-1, "the record is not the one behind which missing ones were accepted")
	case known && g.Seq == last.Seq:
		last.Hash = g.Hash
	default:
		last.Unproven = g.Unproven
		if !known && v.proven < from-1 {
			last.Unproven = v.proven + 1
		}
		if doubt := accepted(from, last).Doubt(); doubt != "" {
			missing += "; " + doubt
		}
		v.open[from] = last
		v.problem(seq, "%s", missing)
	}
	v.prev, v.proven = last.Hash, last.Seq
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
	if h := v.latest; v.report.Last < h.Seq && v.next <= h.Seq && len(v.report.Problems) < maxProblems {
		v.gap(Head{Seq: h.Seq, Hash: h.Hash}, h.Seq, fmt.Sprintf("%d records at the end are missing: the head signed at %s is not reached",
			h.Seq-v.next+1, h.Time.Format(time.RFC3339)))
	}
	if v.key != nil && v.report.Records > 0 && v.latest.Seq == 0 {
		v.problem(0, "there is no signed head")
	}
}
