// Package head is the signed statement that a record of the audit log had a hash,
// and says which of them are kept. It has no key and keeps nothing itself.
package head

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"time"

	"sallyport.dev/sallyport/audit/record"
)

// A Signer signs heads. vault.Signer is one.
type Signer interface {
	Sign(message []byte) []byte
	Public() ed25519.PublicKey
}

// A Head says, signed, where the chain stood at a time.
type Head struct {
	Seq  uint64      `json:"seq"`
	Hash record.Hash `json:"hash"`
	Time time.Time   `json:"time"`
	// Before is, in a head that accepts missing records, the hash of the record
	// before them; zero if they are the first.
	Before record.Hash `json:"before,omitzero"`
	// Unproven is the first of the records before them that no signature covered;
	// 0 if one covered all.
	Unproven  uint64 `json:"unproven,omitempty"`
	Key       []byte `json:"key,omitempty"`
	Signature []byte `json:"signature,omitempty"`
}

// Message is what is signed: the name says what the head is good for, so that an
// old head cannot pass for a dropped month.
func (h Head) Message(name string) []byte {
	b := fmt.Appendf(nil, "sallyport audit head 1\n%s\n%d\n%s\n%d\n", name, h.Seq, h.Hash, h.Time.UnixMicro())
	if h.Before != (record.Hash{}) || h.Unproven != 0 {
		b = fmt.Appendf(b, "%s\n%d\n", h.Before, h.Unproven)
	}
	return b
}

// Sealed gives h as s signs it at a time; with no signature if s is nil.
func (h Head) Sealed(s Signer, now time.Time, name string) Head {
	h.Time = now.UTC().Truncate(time.Microsecond)
	if s != nil {
		h.Key, h.Signature = s.Public(), s.Sign(h.Message(name))
	}
	return h
}

// Verify reports what is wrong with a head; "" if nothing is.
func (h Head) Verify(name string, key ed25519.PublicKey) string {
	switch {
	case key == nil:
		return ""
	case !bytes.Equal(h.Key, key):
		return "is signed by another key"
	case !ed25519.Verify(key, h.Message(name), h.Signature):
		return "has a wrong signature"
	}
	return ""
}

// Slots names the places in which a head stays when one of a later time takes its
// own: it is the last of a minute, of an hour or of a day. There are 60 places for
// minutes, those of an hour, 744 for hours, those of a month, and one for each day.
func Slots(signed, later time.Time) []string {
	var slots []string
	for _, layout := range []string{"04m", "02T15h", time.DateOnly} {
		if slot := signed.UTC().Format(layout); slot != later.UTC().Format(layout) {
			slots = append(slots, slot)
		}
	}
	return slots
}
