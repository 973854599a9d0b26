package ask

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"maps"
	"net/http"
	"slices"
)

func (a *Ask) scheme() string {
	if a.Secure {
		return "https"
	}
	return "http"
}

// Whole sets the digest and the sample of the action, of everything that is sent
// on the agent's behalf: the request line, header, trailer and body.
func (a *Ask) Whole(header, trailer http.Header, body []byte) {
	h := sha256.New()
	upgrade := ""
	if a.Facts.WebSocket {
		upgrade = "websocket"
	}
	for _, s := range []string{a.Facts.Method, a.scheme(), a.HostPort, a.Target(), upgrade} {
		writeString(h, s)
	}
	for _, fields := range []http.Header{header, trailer} {
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			for _, v := range fields[name] {
				writeString(h, name)
				writeString(h, v)
			}
		}
		writeString(h, "")
	}
	h.Write(body)
	a.Act.Digest = h.Sum(nil)
	a.Act.Sample, a.Act.Hidden = a.sample(header, trailer, body)
}

// writeString frames s by its length, so that no two requests write the same.
func writeString(h hash.Hash, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	io.WriteString(h, s) //nolint:errcheck // a hash takes everything
}
