// Package seal binds words to a key, so that whoever reads or writes what is kept
// cannot make one thing pass for another.
package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// Of is the HMAC-SHA-256 (RFC 2104) of a purpose and of words in their order, each
// framed by its length, so that no two lists have the same.
func Of(key []byte, purpose string, words ...string) string {
	h := hmac.New(sha256.New, key)
	for _, w := range append([]string{purpose}, words...) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(w)))
		h.Write(n[:])      //nolint:errcheck // a hash takes everything
		h.Write([]byte(w)) //nolint:errcheck // a hash takes everything
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
