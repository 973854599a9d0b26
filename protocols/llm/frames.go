package llm

import (
	"encoding/binary"
	"hash/crc32"
)

// The event streams of Amazon (application/vnd.amazon.eventstream; "Event stream
// encoding" of the services that have them): messages of a prelude, headers, a payload
// and a checksum.
const (
	preludeLen = 12 // the length of all and of the headers, and the checksum of both
	sumLen     = 4
	maxMessage = 24 << 20 // of a payload
	maxHeaders = 128 << 10
)

// frames reads the payloads of an event stream, each of which is one document.
type frames struct {
	head    [preludeLen]byte
	at      int    // bytes of the prelude, or of the sum, that have come
	headers int    // bytes of the headers that have not
	payload int    // likewise
	crc     uint32 // of the message so far
	open    bool   // the prelude is read
	broken  bool   // what comes is no such stream, or not as it was sent

	packed packed
}

// read takes in what comes next.
func (f *frames) read(p []byte, doc *document) {
	for len(p) > 0 && !f.broken {
		switch {
		case !f.open:
			n := copy(f.head[f.at:], p)
			f.at, p = f.at+n, p[n:]
			if f.at == preludeLen {
				f.begin(doc)
			}
		case f.headers > 0:
			n := min(f.headers, len(p))
			f.crc = crc32.Update(f.crc, crc32.IEEETable, p[:n])
			f.headers, p = f.headers-n, p[n:]
		case f.payload > 0:
			n := min(f.payload, len(p))
			f.crc = crc32.Update(f.crc, crc32.IEEETable, p[:n])
			doc.read(p[:n])
			f.payload, p = f.payload-n, p[n:]
		default:
			n := copy(f.head[f.at:sumLen], p)
			f.at, p = f.at+n, p[n:]
			if f.at == sumLen {
				f.broken = binary.BigEndian.Uint32(f.head[:]) != f.crc
				f.open, f.at = false, 0
			}
		}
	}
}

// begin reads the prelude, and begins a document.
func (f *frames) begin(doc *document) {
	total, headers := binary.BigEndian.Uint32(f.head[:]), binary.BigEndian.Uint32(f.head[4:])
	f.broken = binary.BigEndian.Uint32(f.head[8:]) != crc32.ChecksumIEEE(f.head[:8]) ||
		headers > maxHeaders || total > maxMessage+maxHeaders || total < headers+preludeLen+sumLen
	if f.broken {
		return
	}
	f.headers, f.payload = int(headers), int(total-headers-preludeLen-sumLen)
	f.crc, f.open, f.at = crc32.ChecksumIEEE(f.head[:]), true, 0
	doc.end()
	doc.into = &f.packed
}

// A packed is a document within the text of another, in base64: what a model answers
// through InvokeModelWithResponseStream, in its own shape.
type packed struct {
	bits  uint32 // of the letters that have come
	n     int    // of them
	bytes [3]byte
	doc   document
}

// begin is called before each text.
func (k *packed) begin() {
	k.bits, k.n = 0, 0
	k.doc.end()
}

// read takes in a piece of the text. What is no base64 is no document either.
func (k *packed) read(p []byte) {
	for _, c := range p {
		v, full := letter(c), 3
		switch {
		case c == '\\': // of \/
			continue
		case c == '=' && k.n > 1: // the last letters give fewer bytes
			full, v = k.n-1, 0
			k.bits <<= 6 * (3 - k.n)
			k.n = 3
		case v < 0:
			k.n = 0
			continue
		}
		k.bits = k.bits<<6 | uint32(v)
		if k.n++; k.n < 4 {
			continue
		}
		k.bytes = [3]byte{byte(k.bits >> 16), byte(k.bits >> 8), byte(k.bits)}
		k.doc.read(k.bytes[:full])
		k.bits, k.n = 0, 0
	}
}

// letter is the value of one of base64 (RFC 4648, 4), -1 of what is none.
func letter(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}
