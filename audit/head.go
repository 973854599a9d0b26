package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"strconv"
	"time"

	"sallyport.dev/sallyport/audit/head"
)

type (
	// A Signer signs heads. vault.Signer is one.
	Signer = head.Signer
	// A Head says, signed, where the chain stood at a time.
	Head = head.Head
)

// The names under which heads are kept.
const (
	latestHead    = "latest"
	droppedPrefix = "dropped " // and the month: its last record
	brokenPrefix  = "broken "  // and a time: a head that the records denied at start
	// acceptedPrefix and the number of a record: from there to the head records are
	// missing, and an operator knows why.
	acceptedPrefix = "accepted "
	// markPrefix and a slot: what was the latest head, signed as that. Marks prove
	// the records that no later head reaches, because others are missing between.
	markPrefix = "mark "
	// foundPrefix and the number of a record: up to it they were taken as they were
	// found at a start, for no signature told how they should be.
	foundPrefix = "found "
)

// head signs t.
func (l *Log) head(t Tail, now time.Time, name string) Head {
	return Head{Seq: t.Seq, Hash: t.Hash}.Sealed(l.opts.Signer, now, name)
}

func (l *Log) publicKey() ed25519.PublicKey {
	if l.opts.Signer == nil {
		return nil
	}
	return l.opts.Signer.Public()
}

// sign keeps the signed tail if it moved.
func (l *Log) sign(ctx context.Context, now time.Time) {
	if l.tail.Seq == l.signed.Seq || l.down.Load() != nil {
		return
	}
	l.mark(ctx, now)
	h := l.head(l.tail, now, latestHead)
	if err := l.store.SaveHead(ctx, latestHead, h); err != nil {
		l.opts.Log.Error("the audit head is not signed", "err", err)
		return
	}
	l.signed = h
}

// mark keeps the head before the latest where head.Slots says so.
func (l *Log) mark(ctx context.Context, now time.Time) {
	if key := l.publicKey(); key == nil || l.signed.Verify(latestHead, key) != "" {
		return // it proves nothing
	}
	for _, slot := range head.Slots(l.signed.Time, now) {
		if err := l.store.SaveHead(ctx, markPrefix+slot, l.signed); err != nil {
			l.opts.Log.Error("a head that was signed is not kept", "err", err)
		}
	}
}

// checkHead compares the records with the last signed head before new ones cover
// what happened. A head that they deny is kept for Verify.
func (l *Log) checkHead(ctx context.Context) error {
	heads, err := l.store.LoadHeads(ctx)
	if err != nil {
		return err
	}
	h, ok := heads[latestHead]
	key := l.publicKey()
	if key != nil && l.tail.Seq > 0 && (!ok || h.Verify(latestHead, key) != "") {
		return l.take(ctx) // what is not signed denies nothing
	}
	if !ok {
		return nil
	}
	l.signed = h
	found, first := false, l.tail.Recorded
	err = l.store.Scan(ctx, h.Seq, func(r Row) error {
		if r.Seq > h.Seq {
			first = r.Recorded
			return errStop
		}
		found = sha256.Sum256(r.Body) == h.Hash
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return err
	}
	if found && key != nil && l.tail.Recorded.Sub(first) > lateAfter {
		return l.take(ctx) // no crash leaves so much unsigned; an older head in the place of the last does
	}
	if found {
		return nil
	}
	if l.tail.Seq < h.Seq && key != nil && h.Verify(latestHead, key) == "" {
		l.tail.Seq, l.tail.Hash = h.Seq, h.Hash // no number is given twice, and the chain goes on from what was signed
	}
	l.opts.Log.Error("audit records are missing or were changed: see audit verify", "signed", h.Seq, "last", l.tail.Seq)
	return l.store.SaveHead(ctx, brokenPrefix+h.Time.UTC().Format(time.RFC3339), h)
}

// take notes for good that the records up to the tail are taken as they are.
func (l *Log) take(ctx context.Context) error {
	l.found = l.tail.Seq
	l.opts.Log.Error("no signature tells how the audit records should be: they are taken as they are", "vouched_from", l.found+1)
	name := foundPrefix + strconv.FormatUint(l.found, 10)
	return l.store.SaveHead(ctx, name, l.head(l.tail, l.opts.Now(), name))
}
