package action

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// idEncoding keeps the order of the bytes: base32hex sorts as its input.
var idEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// NewID gives an id of 24 letters and digits that sorts by now (a microsecond
// clock in 56 bits) and ends in 64 random bits.
func NewID(now time.Time) string {
	var b [15]byte
	var t [8]byte
	binary.BigEndian.PutUint64(t[:], uint64(now.UnixMicro()))
	copy(b[:7], t[1:])
	rand.Read(b[7:]) //nolint:errcheck // crypto/rand.Read never returns an error
	var out [24]byte
	idEncoding.Encode(out[:], b[:])
	return string(out[:])
}
