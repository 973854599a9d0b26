// Package deeds is the operators' audit: a chain of everything that people did,
// or tried to do, at the gateway, each entry holding the hash of the one before
// and the last one signed. It keeps no secret and judges nobody.
package deeds

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sallyport.dev/sallyport/dashboard/route"
)

// MaxPage bounds what one call of Page gives.
const MaxPage = 500

// An Entry is one deed as it is kept.
type Entry struct {
	Seq     uint64            `json:"seq"`
	Time    time.Time         `json:"time"`
	Who     string            `json:"who"`
	Via     string            `json:"via,omitempty"` // how they proved it
	From    string            `json:"from"`
	Session string            `json:"session,omitempty"`
	What    string            `json:"what"` // "login", or method and pattern of the route
	On      map[string]string `json:"on,omitempty"`
	Notes   map[string]string `json:"notes,omitempty"`
	Status  int               `json:"status,omitempty"`
	Err     string            `json:"error,omitempty"`
	Prev    string            `json:"prev"` // SHA-256 of the entry before
}

// A Head says, signed, where the chain ends.
type Head struct {
	Seq       uint64 `json:"seq"`
	Hash      string `json:"hash"`
	Signature []byte `json:"signature"`
}

// A Store keeps the entries as they were written, and the head.
type Store interface {
	// AppendDeed keeps an entry and the head that covers it: both or neither, on
	// disk when it returns.
	AppendDeed(ctx context.Context, seq uint64, body, head []byte) error
	// Deeds calls f with every entry after a number, in order.
	Deeds(ctx context.Context, after uint64, f func(seq uint64, body []byte) error) error
	// DeedsBefore gives the last entries before a number, newest first.
	DeedsBefore(ctx context.Context, before uint64, limit int) ([][]byte, error)
	// DeedHead gives the head; nil if there is none.
	DeedHead(ctx context.Context) ([]byte, error)
}

// A Signer signs heads. vault.Signer is one.
type Signer interface {
	Sign(message []byte) []byte
	Public() ed25519.PublicKey
}

// A Chain is the operators' audit. It is safe for use by several goroutines.
type Chain struct {
	store  Store
	signer Signer
	now    func() time.Time
	log    *slog.Logger

	mu     sync.Mutex
	seq    uint64 // of the last entry; guarded by mu
	hash   string // of the last entry; guarded by mu
	failed error  // why the last entry was not kept; guarded by mu

	refused map[string]*pile // by person; guarded by mu
}

var _ route.Witness = (*Chain)(nil)

// Open goes on where the chain ends. If that is not what was signed, the next
// entry says so, and Verify does.
func Open(ctx context.Context, store Store, signer Signer, now func() time.Time, log *slog.Logger) (*Chain, error) {
	c := &Chain{store: store, signer: signer, now: now, log: log, refused: map[string]*pile{}}
	last, err := store.DeedsBefore(ctx, 1<<62, 1)
	if err != nil {
		return nil, err
	}
	var end Entry
	if len(last) > 0 {
		if err := json.Unmarshal(last[0], &end); err != nil {
			return nil, fmt.Errorf("operators' audit: the last entry cannot be read: %w", err)
		}
		c.seq, c.hash = end.Seq, sum(last[0])
	}
	raw, err := store.DeedHead(ctx)
	if err != nil {
		return nil, err
	}
	if wrong := c.wrongHead(raw); wrong != "" {
		log.Error("the operators' audit was changed: see audit verify", "err", wrong)
		err = c.append(ctx, Entry{Who: "sallyport", From: "start", What: "found the chain broken", Err: wrong})
	}
	return c, err
}

// wrongHead says why the head is not that of the last entry; "" if it is.
func (c *Chain) wrongHead(raw []byte) string {
	var h Head
	switch {
	case raw == nil && c.seq == 0:
		return ""
	case raw == nil:
		return "there is no signed head"
	case json.Unmarshal(raw, &h) != nil:
		return "the head cannot be read"
	case !ed25519.Verify(c.signer.Public(), h.message(), h.Signature):
		return "the head has a wrong signature"
	case h.Seq != c.seq || h.Hash != c.hash:
		return fmt.Sprintf("entry %d was signed as the last one, and %d is", h.Seq, c.seq)
	}
	return ""
}

func (h Head) message() []byte {
	return fmt.Appendf(nil, "sallyport operators head 1\n%d\n%s\n", h.Seq, h.Hash)
}

func sum(body []byte) string {
	s := sha256.Sum256(body)
	return hex.EncodeToString(s[:])
}

// Keep adds what an operator did; it is on disk when Keep returns, unless it was
// refused like many others of the same person a moment ago: these are counted.
func (c *Chain) Keep(ctx context.Context, d route.Deed) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, ok := c.bounded(d)
	if !ok {
		return nil
	}
	who := d.Caller
	c.failed = c.append(ctx, Entry{
		Who: who.Person.Name, Via: who.Person.Via, From: who.From, Session: who.Session,
		What: d.What, On: d.On, Notes: d.Notes, Status: d.Status, Err: d.Err,
	})
	if c.failed != nil {
		c.log.Error("a deed of an operator is not kept", "by", who.Person.Name, "what", d.What, "err", c.failed)
	}
	return c.failed
}

// Ready fails while nothing can be kept. After a failure it keeps first that
// something is missing.
func (c *Chain) Ready(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		return nil
	}
	lost := c.failed
	c.failed = c.append(ctx, Entry{Who: "sallyport", From: "store", What: "could not keep an entry", Err: lost.Error()})
	if c.failed != nil {
		return fmt.Errorf("nothing is changed while the operators' audit cannot keep it: %w", c.failed)
	}
	return nil
}

// append writes one entry. The caller holds mu, or is Open.
func (c *Chain) append(ctx context.Context, e Entry) error {
	e.Seq, e.Time, e.Prev = c.seq+1, c.now().UTC(), c.hash
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("operators' audit: %w", err)
	}
	h := Head{Seq: e.Seq, Hash: sum(body)}
	h.Signature = c.signer.Sign(h.message())
	head, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("operators' audit: %w", err)
	}
	if err := c.store.AppendDeed(ctx, e.Seq, body, head); err != nil {
		return fmt.Errorf("operators' audit: %w", err)
	}
	c.seq, c.hash = h.Seq, h.Hash
	return nil
}

// Page gives up to limit entries before a number, newest first; before 0 are the
// newest of all.
func (c *Chain) Page(ctx context.Context, before uint64, limit int) ([]Entry, error) {
	if before == 0 {
		before = 1 << 62
	}
	rows, err := c.store.DeedsBefore(ctx, before, min(limit, MaxPage))
	if err != nil {
		return nil, err
	}
	list := make([]Entry, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal(row, &list[i]); err != nil {
			return nil, fmt.Errorf("operators' audit: an entry cannot be read: %w", err)
		}
	}
	return list, nil
}

// A Report is what Verify found.
type Report struct {
	Entries  uint64   `json:"entries"`
	Signed   uint64   `json:"signed"` // the signed head is at this entry
	Problems []string `json:"problems,omitempty"`
}

// maxProblems bounds a Report: behind the first few there is nothing to learn.
const maxProblems = 100

var errEnough = errors.New("enough")

// Verify reads the whole chain and says what is not as it was written. Who can
// write to the store and read the vault's key can sign what he likes.
func (c *Chain) Verify(ctx context.Context) (Report, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var rep Report
	problem := func(format string, args ...any) { rep.Problems = append(rep.Problems, fmt.Sprintf(format, args...)) }
	next, prev := uint64(1), ""
	err := c.store.Deeds(ctx, 0, func(seq uint64, body []byte) error {
		var e Entry
		switch err := json.Unmarshal(body, &e); {
		case err != nil:
			problem("entry %d cannot be read: %v", seq, err)
		case seq != next:
			problem("entries %d to %d are missing", next, seq-1)
		case e.Seq != seq:
			problem("entry %d is filed as %d", e.Seq, seq)
		case e.Prev != prev:
			problem("entry %d does not follow the one before: that one or this one was changed", seq)
		}
		if e.Who == "sallyport" && e.Err != "" && e.Via == "" {
			problem("entry %d says: %s: %s", seq, e.What, e.Err)
		}
		rep.Entries++
		next, prev = seq+1, sum(body)
		if len(rep.Problems) >= maxProblems {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return Report{}, fmt.Errorf("verify the operators' audit: %w", err)
	}
	raw, err := c.store.DeedHead(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("verify the operators' audit: %w", err)
	}
	if err == nil && len(rep.Problems) < maxProblems {
		end := Chain{signer: c.signer, seq: next - 1, hash: prev}
		if wrong := end.wrongHead(bytes.Clone(raw)); wrong != "" {
			problem("%s", wrong)
		}
	}
	var h Head
	if raw != nil && json.Unmarshal(raw, &h) == nil {
		rep.Signed = h.Seq
	}
	return rep, nil
}
