package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/audit/record"
)

// maxProblems bounds a Report: behind the first few there is nothing to learn.
const maxProblems = 100

var errStop = errors.New("stop")

// A Report is what Verify found.
type Report struct {
	Records  uint64    `json:"records"`
	First    uint64    `json:"first"`
	Last     uint64    `json:"last"`
	Months   []string  `json:"months"`
	Dropped  []string  `json:"dropped,omitempty"` // months that retention removed
	Signed   uint64    `json:"signed"`            // the signed head is at this record
	SignedAt time.Time `json:"signed_at,omitzero"`
	Problems []Problem `json:"problems,omitempty"`
}

// OK reports whether the log is as it was written.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// A Problem is one thing that is not as it was written.
type Problem struct {
	Seq  uint64 `json:"seq,omitempty"`
	What string `json:"what"`
}

// Verify reads the whole log and checks that nothing was changed, removed, put
// in, put elsewhere or cut off since it was written.
//
// A head is signed at a start, at Close, with the first record after a minute
// without a signature, and once a minute while records come. Who can write to
// the files can cut off, unseen, what came after the last one: at most a minute,
// and what was being done when the process was killed. Who can read the vault's
// key as well can sign what he likes: keep Report.Signed somewhere else.
func (l *Log) Verify(ctx context.Context) (Report, error) {
	var key ed25519.PublicKey
	if l.opts.Signer != nil {
		key = l.opts.Signer.Public()
	}
	return Verify(ctx, l.store, key)
}

// Verify is Log.Verify for a store that no log has open; heads must be signed
// with key, or by nobody if it is nil.
func Verify(ctx context.Context, store interface {
	Heads
	Reader
}, key ed25519.PublicKey,
) (Report, error) {
	v := verifier{key: key}
	var err error
	if v.heads, err = store.LoadHeads(ctx); err != nil {
		return Report{}, fmt.Errorf("verify audit log: %w", err)
	}
	v.begin()
	if err := store.Scan(ctx, 0, v.row); err != nil && !errors.Is(err, errStop) {
		return Report{}, fmt.Errorf("verify audit log: %w", err)
	}
	v.end()
	return v.report, nil
}

// A verifier walks down the chain.
type verifier struct {
	key    ed25519.PublicKey
	heads  map[string]Head
	latest Head
	next   uint64 // expected Seq
	prev   Hash   // expected Prev
	report Report
}

func (v *verifier) problem(seq uint64, format string, args ...any) {
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, Problem{seq, fmt.Sprintf(format, args...)})
	}
}

// begin checks the heads; the chain goes on from the last dropped month.
func (v *verifier) begin() {
	v.next = 1
	for _, name := range slices.Sorted(maps.Keys(v.heads)) {
		h := v.heads[name]
		if strings.HasPrefix(name, brokenPrefix) {
			v.problem(h.Seq, "at a start of the gateway the records did not reach the head that was signed at %s", h.Time.Format(time.RFC3339))
			continue
		}
		if wrong := h.verify(name, v.key); wrong != "" {
			v.problem(h.Seq, "the head %q %s", name, wrong)
			continue
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
	case row.Seq > v.next:
		v.problem(v.next, "%d records are missing", row.Seq-v.next)
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
	if v.report.Last < v.latest.Seq && v.next <= v.latest.Seq && len(v.report.Problems) < maxProblems {
		v.problem(v.latest.Seq, "%d records at the end are missing: the head signed at %s is not reached", v.latest.Seq-v.next+1, v.latest.Time.Format(time.RFC3339))
	}
	if v.key != nil && v.report.Records > 0 && v.latest.Seq == 0 {
		v.problem(0, "there is no signed head")
	}
}
