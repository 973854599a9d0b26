// Package webhook tells programs elsewhere what happens to an ask, and takes
// answers from them. Both ways a message carries a signature over its id, its
// time and its body (Standard Webhooks, HMAC-SHA256), so that neither end trusts
// the network; it decides nothing and holds no key longer than it needs it.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a signed message.
const (
	HeaderID        = "Webhook-Id"
	HeaderTime      = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

const (
	// Window is how far the time of a message may be from ours, either way.
	Window = 5 * time.Minute
	// minKey is the shortest key, in bytes: a shorter one can be guessed from one
	// message.
	minKey = 16
	maxID  = 128
	maxSig = 1024 // of the header: a sender that changes its key signs with both
)

var (
	// ErrKey means that a key is too short to sign with.
	ErrKey = fmt.Errorf("a key for webhooks has at least %d bytes", minKey)
	// ErrSignature means that a message is not signed with the key, or not lately.
	ErrSignature = errors.New("the signature does not fit")
)

// key gives the bytes to sign with: what the secret holds, or what stands behind
// "whsec_" in base64, as the standard writes keys.
func key(secret []byte) ([]byte, error) {
	if rest, ok := strings.CutPrefix(string(secret), "whsec_"); ok {
		raw, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return nil, fmt.Errorf("the key behind whsec_ is no base64: %w", ErrKey)
		}
		secret = raw
	}
	if len(secret) < minKey {
		return nil, ErrKey
	}
	return secret, nil
}

// CheckKey reports, with ErrKey, whether a secret is none to sign with.
func CheckKey(secret []byte) error {
	_, err := key(secret)
	return err
}

// Sign puts the three headers of a message into h.
func Sign(h http.Header, secret []byte, id string, at time.Time, body []byte) error {
	k, err := key(secret)
	if err != nil {
		return err
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	h.Set(HeaderID, id)
	h.Set(HeaderTime, stamp)
	h.Set(HeaderSignature, "v1,"+base64.StdEncoding.EncodeToString(sum(k, id, stamp, body)))
	return nil
}

// Verify reports, with ErrSignature, whether a message was signed with the secret
// at most Window from now. It gives the message's id, which is good for one use:
// the caller remembers it for twice the Window.
func Verify(h http.Header, secret []byte, now time.Time, body []byte) (id string, err error) {
	k, err := key(secret)
	if err != nil {
		return "", err
	}
	id, stamp, sigs := h.Get(HeaderID), h.Get(HeaderTime), h.Get(HeaderSignature)
	if id == "" || len(id) > maxID || strings.Contains(id, ".") || len(sigs) > maxSig {
		return "", fmt.Errorf("%w: no id, or not the headers of the standard", ErrSignature)
	}
	secs, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || stamp != strconv.FormatInt(secs, 10) {
		return "", fmt.Errorf("%w: the time is no number of seconds", ErrSignature)
	}
	if off := now.Sub(time.Unix(secs, 0)); off > Window || off < -Window {
		return "", fmt.Errorf("%w: it was signed more than %s from now", ErrSignature, Window)
	}
	want := sum(k, id, stamp, body)
	for sig := range strings.FieldsSeq(sigs) {
		version, text, _ := strings.Cut(sig, ",")
		got, err := base64.StdEncoding.DecodeString(text)
		if version == "v1" && err == nil && hmac.Equal(got, want) {
			return id, nil
		}
	}
	return "", ErrSignature
}

// sum signs id, time and body. Neither of the first two can hold a dot.
func sum(key []byte, id, stamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}
