package ask

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

const maxSample = 4 << 10

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
	for _, s := range []string{a.Facts.Method, a.scheme(), a.HostPort, a.Target()} {
		writeString(h, s)
	}
	for _, fields := range []http.Header{header, trailer} {
		names := make([]string, 0, len(fields))
		for name := range fields {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			for _, v := range fields[name] {
				writeString(h, name)
				writeString(h, v)
			}
		}
		writeString(h, "")
	}
	h.Write(body)
	a.Act.Digest, a.Act.Sample = h.Sum(nil), a.sample(body)
}

// writeString frames s by its length, so that no two requests write the same.
func writeString(h hash.Hash, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	io.WriteString(h, s) //nolint:errcheck // a hash takes everything
}

// sample is what a person who is asked gets to read.
func (a *Ask) sample(body []byte) []byte {
	var b strings.Builder
	b.WriteString(a.Facts.Method + " " + a.scheme() + "://" + a.HostPort + a.Path)
	for i, f := range a.Facts.Query {
		b.WriteByte("?&"[min(i, 1)])
		if f.Hidden {
			b.WriteString(f.Name + "=[hidden]")
			continue
		}
		b.WriteString(f.Name + "=" + strings.Join(f.Values, "&"+f.Name+"="))
	}
	if a.Facts.QueryUnclear {
		b.WriteString("?[cannot be read]")
	}
	b.WriteString("\n")
	if ct := a.Facts.ContentType; ct != "" {
		b.WriteString("Content-Type: " + ct + "\n")
	}
	b.WriteString("\n")
	if room := maxSample - b.Len(); room > 0 {
		b.Write(body[:min(len(body), room)])
	}
	s := b.String()
	return []byte(strings.ToValidUTF8(s[:min(len(s), maxSample)], string(utf8.RuneError)))
}
