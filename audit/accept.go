package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

var (
	// ErrNoGap means that no record is missing that is not accepted already.
	ErrNoGap = errors.New("no record is missing")
	// ErrChanged means that something is wrong that nobody can accept.
	ErrChanged = errors.New("records were changed, put in or signed by another, which cannot be accepted")
)

// Accept signs that an operator knows of the records that are missing by now, as
// after a restore without them, and gives their numbers, and those of the records
// before them that no signature covers. From then on its own covers what stands
// before. Records that were changed stay a problem: then it accepts none.
func (l *Log) Accept(ctx context.Context) ([]Gap, error) {
	v, err := check(ctx, l.store, l.publicKey())
	switch {
	case err != nil:
		return nil, err
	case v.report.OK():
		return nil, ErrNoGap
	case !v.onlyMissing():
		return nil, fmt.Errorf("%w: see audit verify", ErrChanged)
	}
	now := l.opts.Now()
	var gaps []Gap
	for from, h := range v.open {
		name := acceptedPrefix + strconv.FormatUint(from, 10)
		h = h.Sealed(l.opts.Signer, now, name)
		if err := l.store.SaveHead(ctx, name, h); err != nil {
			return gaps, fmt.Errorf("accept missing records: %w", err)
		}
		l.opts.Log.Warn("missing audit records were accepted", "from", from, "to", h.Seq, "unproven", h.Unproven)
		gaps = append(gaps, accepted(from, h))
	}
	slices.SortFunc(gaps, func(a, b Gap) int { return cmp.Compare(a.From, b.From) })
	return gaps, nil
}

func accepted(from uint64, h Head) Gap {
	return Gap{From: from, To: h.Seq, At: h.Time, Unproven: h.Unproven}
}

// onlyMissing reports whether every problem is that of a gap: the gap itself, or a
// head that was signed within it.
func (v *verifier) onlyMissing() bool {
	n := len(v.open)
	for _, seq := range v.broken {
		if within(v.open, seq) {
			n++
		}
	}
	return n == len(v.report.Problems)
}

// within reports whether a record is one of those that gaps stand for.
func within(gaps map[uint64]Head, seq uint64) bool {
	for from, last := range gaps {
		if from <= seq && seq <= last.Seq {
			return true
		}
	}
	return false
}
