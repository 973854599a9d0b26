// Package digest tells a request from every other: a yes for one is good for a
// retry of it, which differs in how its client counts and traces attempts, and for
// nothing else. It knows the fields that differ so, and how much they may carry.
package digest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// maxIncidental is what the incidental fields of a request may take together, in
// bytes of names and values: a client's name, its counters, one trace.
const maxIncidental = 512

// Of is the SHA-256 of a request: of its words, of the fields that matter, of its
// body. Where the incidental fields are more than a client needs, they matter, too.
func Of(words []string, header, trailer http.Header, body io.Reader) ([]byte, error) {
	h := sha256.New()
	for _, s := range words {
		write(h, s)
	}
	all := weight(header)+weight(trailer) > maxIncidental
	for _, fields := range []http.Header{header, trailer} {
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if incidental(name) && !all {
				continue
			}
			for _, v := range fields[name] {
				write(h, name)
				write(h, v)
			}
		}
		write(h, "")
	}
	if _, err := io.Copy(h, body); err != nil {
		return nil, fmt.Errorf("read the body again: %w", err)
	}
	return h.Sum(nil), nil
}

// write frames s by its length, so that no two requests write the same.
func write(h hash.Hash, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	io.WriteString(h, s) //nolint:errcheck // a hash takes everything
}

// weight is what the incidental fields of a header take.
func weight(fields http.Header) int {
	n := 0
	for name, values := range fields {
		if !incidental(name) {
			continue
		}
		for _, v := range values {
			n += len(name) + len(v)
		}
	}
	return n
}

// incidental names the fields by which clients number and trace their attempts:
// they differ from one retry to the next and say nothing about what a request does.
func incidental(name string) bool {
	switch name {
	case "User-Agent", "Accept-Encoding", "Accept-Language", "Accept-Charset", "Connection", "Content-Length", "Te", "Date",
		"Traceparent", "Tracestate", "Baggage", "Sentry-Trace", "B3", "Request-Id", "X-Request-Id", "X-Correlation-Id",
		"X-Amzn-Trace-Id", "X-Cloud-Trace-Context", "Idempotency-Key", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "X-Retry-Count":
		return true
	}
	return strings.HasPrefix(name, "X-Stainless-") || strings.HasPrefix(name, "X-B3-") || strings.HasPrefix(name, "X-Datadog-")
}
