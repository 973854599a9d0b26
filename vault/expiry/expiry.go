// Package expiry reads from a value when it ends by itself, where it says so: a
// certificate, or a token that carries its claims. It verifies nothing.
package expiry

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math"
	"time"
)

// latest is the last moment that is believed: a number beyond is no time.
const latest = math.MaxInt32 * 16

// Of gives when a value ends; zero where it does not say. Of several certificates the
// first to end counts: a chain is as good as its shortest link.
func Of(value []byte) time.Time {
	if ends := certificates(value); !ends.IsZero() {
		return ends
	}
	return token(value)
}

func certificates(value []byte) (ends time.Time) {
	if !bytes.Contains(value, []byte("-----BEGIN CERTIFICATE-----")) {
		return time.Time{}
	}
	for block, rest := pem.Decode(value); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err == nil && (ends.IsZero() || c.NotAfter.Before(ends)) {
			ends = c.NotAfter
		}
	}
	return ends.UTC()
}

// token reads the claim exp of a JSON Web Token (RFC 7519, 4.1.4).
func token(value []byte) time.Time {
	parts := bytes.Split(value, []byte("."))
	if len(parts) != 3 || !bytes.HasPrefix(value, []byte("eyJ")) {
		return time.Time{}
	}
	claims, err := base64.RawURLEncoding.DecodeString(string(parts[1]))
	if err != nil {
		return time.Time{}
	}
	var c struct {
		Exp float64 `json:"exp"`
	}
	if json.Unmarshal(claims, &c) != nil || c.Exp <= 0 || c.Exp > latest {
		return time.Time{}
	}
	return time.Unix(int64(c.Exp), 0).UTC()
}
