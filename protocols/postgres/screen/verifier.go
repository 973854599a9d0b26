package screen

import (
	"bytes"
	"encoding/hex"

	"sallyport.dev/sallyport/vault/scrub"
)

// What a server keeps of a password (rolpassword of pg_authid), as its
// src/common/scram-common.c and md5_common.c write it:
//
//	SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>
//	md5<32 digits>
//
// The second is all that one needs to log in, the first all that one needs to guess
// at leisure. A bytea in text form has the same in hex.
const (
	scramMark  = "SCRAM-SHA-256$"
	md5Digits  = 32
	scramInHex = "534352414d2d5348412d32353624"
	md5InHex   = "6d6435"

	maxCount = 10  // digits of the iterations
	maxSalt  = 128 // digits; a server takes 24
	maxKey   = 44  // digits of 32 bytes

	// firstStep is what is decoded at first: more than the count, which tells it.
	firstStep = 16

	// maxVerifier is the length of the longest, in hex.
	maxVerifier = 2 * (len(scramMark) + maxCount + 1 + maxSalt + 1 + maxKey + 1 + maxKey)
)

// verifiers calls found with the place of every verifier in b.
func verifiers(b []byte, found func(from, to int)) {
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte(scramMark))
		if i < 0 {
			break
		}
		from := at + i
		at = from + len(scramMark)
		if n := scram(b[at:]); n > 0 {
			found(from, at+n)
		}
	}
	// Every 32nd byte is enough to meet all runs of so many hex digits.
	for i := md5Digits - 1; i < len(b); i += md5Digits {
		if !isHex(b[i]) {
			continue
		}
		from := i
		for from > 0 && isHex(b[from-1]) {
			from--
		}
		i += run(b[i:], isHex, len(b))
		digits(b, from, i, found)
	}
}

// digits looks at the run of hex digits from from to to.
func digits(b []byte, from, to int, found func(from, to int)) {
	text := b[from:to]
	const whole = len("d5") + md5Digits // d and 5 are digits, too
	switch {
	case len(text) < md5Digits:
		return
	case len(text) == whole, len(text) == whole+1 && to < len(b) && b[to] == 0: // the type of the next message may be one
		if from > 0 && b[from-1] == 'm' && text[0] == 'd' && text[1] == '5' {
			found(from-1, from+whole)
		}
	case len(text) == 2*md5Digits+1 && to < len(b) && b[to] == 0: // likewise, and too short
	case len(text) > 2*md5Digits:
		inHex(text, scramInHex, scram, 1, func(at, end int) { found(from+at, from+end) })
		inHex(text, md5InHex, md5, md5Digits, func(at, end int) { found(from+at, from+end) })
	}
}

// inHex calls found with what stands in digits, in hex, behind a mark and is at least
// so long. It decodes no further than that goes: a row may hold nothing but marks.
func inHex(digits []byte, mark string, length func([]byte) int, least int, found func(at, end int)) {
	var plain [maxVerifier / 2]byte
	for next := 0; ; {
		i := bytes.Index(digits[next:], []byte(mark))
		if i < 0 {
			return
		}
		at := next + i
		next = at + len(mark)
		rest := digits[next:]
		rest = rest[:min(len(rest), maxVerifier)&^1]
		if len(rest) < 2 || !isHex(nibble(rest[0])<<4|nibble(rest[1])) { // so begin both
			continue
		}
		n := 0
		for got, step := 0, firstStep; n == got && got < len(rest)/2; step *= 2 {
			more := rest[2*got : min(2*(got+step), len(rest))]
			hex.Decode(plain[got:], more) //nolint:errcheck // they are hex digits
			got += len(more) / 2
			n = length(plain[:got])
		}
		if n >= least {
			end := next + 2*n
			if end == len(digits)-1 { // half of a byte: the rest comes later
				end++
			}
			found(at, end)
		}
	}
}

// begunVerifier gives how much of the end of b an md5 verifier begins with that is not
// whole there; that of SCRAM counts as one from its count on.
func begunVerifier(b []byte) int {
	b = b[max(0, len(b)-len(md5InHex)-2*md5Digits):]
	from := len(b)
	for from > 0 && isHex(b[from-1]) {
		from--
	}
	digits := b[from:]
	if i := bytes.LastIndex(digits, []byte(md5InHex)); i >= 0 && len(digits)-i >= 2*scrub.Least {
		return len(digits) - i
	}
	if from > 0 && b[from-1] == 'm' && bytes.HasPrefix(digits, []byte("d5")) {
		return 1 + len(digits)
	}
	return 0
}

// nibble is the value of a hex digit.
func nibble(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c - 'a' + 10
}

// md5 gives how much of b is what stands behind md5 in a verifier, as far as b goes.
func md5(b []byte) int { return run(b, isHex, md5Digits) }

// scram gives how much of b is what stands behind scramMark, as far as b goes: 0
// where it is something else.
func scram(b []byte) int {
	n := run(b, isDigit, maxCount)
	if n == 0 || n == len(b) || b[n] != ':' {
		return 0
	}
	for _, part := range []struct {
		before byte
		most   int
	}{{':', maxSalt}, {'$', maxKey}, {':', maxKey}} {
		if n == len(b) || b[n] != part.before {
			break
		}
		n++
		n += run(b[n:], isBase64, part.most)
	}
	return n
}

// run gives how many bytes at the beginning of b are of a kind, at most limit.
func run(b []byte, is func(byte) bool, limit int) int {
	n := 0
	for n < len(b) && n < limit && is(b[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' }

func isBase64(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '+' || c == '/' || c == '='
}
