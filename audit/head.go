package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// A Signer signs heads. vault.Signer is one.
type Signer interface {
	Sign(message []byte) []byte
	Public() ed25519.PublicKey
}

// A Head says, signed, where the chain stood at a time.
type Head struct {
	Seq       uint64    `json:"seq"`
	Hash      Hash      `json:"hash"`
	Time      time.Time `json:"time"`
	Key       []byte    `json:"key,omitempty"`
	Signature []byte    `json:"signature,omitempty"`
}

// The names under which heads are kept.
const (
	latestHead    = "latest"
	droppedPrefix = "dropped " // and the month: its last record
	brokenPrefix  = "broken "  // and a time: a head that the records denied at start
	// acceptedPrefix and the number of a record: from there to the head records are
	// missing, and an operator knows why.
	acceptedPrefix = "accepted "
)

// message is what is signed: the name says what the head is good for, so that an
// old head cannot pass for a dropped month.
func (h Head) message(name string) []byte {
	return fmt.Appendf(nil, "sallyport audit head 1\n%s\n%d\n%s\n%d\n", name, h.Seq, h.Hash, h.Time.UnixMicro())
}

// verify reports what is wrong with a head; "" if nothing is.
func (h Head) verify(name string, key ed25519.PublicKey) string {
	switch {
	case key == nil:
		return ""
	case !bytes.Equal(h.Key, key):
		return "is signed by another key"
	case !ed25519.Verify(key, h.message(name), h.Signature):
		return "has a wrong signature"
	}
	return ""
}

// head signs t.
func (l *Log) head(t Tail, now time.Time, name string) Head {
	h := Head{Seq: t.Seq, Hash: t.Hash, Time: now.UTC().Truncate(time.Microsecond)}
	if s := l.opts.Signer; s != nil {
		h.Key, h.Signature = s.Public(), s.Sign(h.message(name))
	}
	return h
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
	h := l.head(l.tail, now, latestHead)
	if err := l.store.SaveHead(ctx, latestHead, h); err != nil {
		l.opts.Log.Error("the audit head is not signed", "err", err)
		return
	}
	l.signed = h
}

// checkHead compares the records with the last signed head before new ones cover
// what happened. A head that they deny is kept for Verify.
func (l *Log) checkHead(ctx context.Context) error {
	heads, err := l.store.LoadHeads(ctx)
	if err != nil {
		return err
	}
	h, ok := heads[latestHead]
	if !ok {
		return nil
	}
	l.signed = h
	found := l.tail.Seq >= h.Seq
	if found {
		found = false
		err := l.store.Scan(ctx, h.Seq, func(r Row) error {
			found = r.Seq == h.Seq && sha256.Sum256(r.Body) == h.Hash
			return errStop
		})
		if err != nil && !errors.Is(err, errStop) {
			return err
		}
	}
	if found {
		return nil
	}
	if key := l.publicKey(); l.tail.Seq < h.Seq && key != nil && h.verify(latestHead, key) == "" {
		l.tail.Seq, l.tail.Hash = h.Seq, h.Hash // no number is given twice, and the chain goes on from what was signed
	}
	l.opts.Log.Error("audit records are missing or were changed: see audit verify", "signed", h.Seq, "last", l.tail.Seq)
	return l.store.SaveHead(ctx, brokenPrefix+h.Time.UTC().Format(time.RFC3339), h)
}
