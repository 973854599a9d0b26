// Package envelope puts a message into the form in which a push service carries it
// and cannot read it (RFC 8291), and says by a signature which server it is from
// (RFC 8292). It sends nothing.
package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	saltLen   = 16
	authLen   = 16
	pointLen  = 65   // of an uncompressed point of P-256
	recordLen = 4096 // RFC 8188, section 2.1: what every push service takes
	tagLen    = 16
	lastMark  = 2 // of the only record: no other follows
	// MaxMessage is the longest message: one record holds it.
	MaxMessage = 2048
	// tokenFor is how long a token says who we are; RFC 8292 allows a day.
	tokenFor = 12 * time.Hour
)

// ErrKeys means that the keys of a subscription are none.
var ErrKeys = errors.New("p256dh is a point of P-256 and auth has 16 bytes, both in base64url")

// A Receiver is the browser that alone can open what is sealed for it.
type Receiver struct {
	point *ecdh.PublicKey
	auth  []byte
}

// NewReceiver reads the keys of a browser's subscription.
func NewReceiver(p256dh, auth string) (Receiver, error) {
	raw, err := decode(p256dh)
	if err != nil {
		return Receiver{}, ErrKeys
	}
	point, err := ecdh.P256().NewPublicKey(raw)
	if err != nil || len(raw) != pointLen {
		return Receiver{}, ErrKeys
	}
	secret, err := decode(auth)
	if err != nil || len(secret) != authLen {
		return Receiver{}, ErrKeys
	}
	return Receiver{point, secret}, nil
}

// decode reads base64url, with or without what fills it up.
func decode(s string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
}

// Seal gives the body of a push message, content coding aes128gcm. Every message
// is as long as any other of its length class, see pad.
func (r Receiver) Seal(message []byte) ([]byte, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("seal a push message: %w", err)
	}
	var salt [saltLen]byte
	rand.Read(salt[:]) //nolint:errcheck // it never fails (crypto/rand)
	return r.seal(message, key, salt, pad(len(message)))
}

// pad gives how many zeros hide the length of a message: what stands on a lock
// screen is not to be told from how long it was.
func pad(n int) int {
	const step = 512
	return (step - (n+1)%step) % step
}

func (r Receiver) seal(message []byte, own *ecdh.PrivateKey, salt [saltLen]byte, zeros int) ([]byte, error) {
	if len(message) > MaxMessage {
		return nil, fmt.Errorf("a push message has at most %d bytes, not %d", MaxMessage, len(message))
	}
	shared, err := own.ECDH(r.point)
	if err != nil {
		return nil, fmt.Errorf("seal a push message: %w", err)
	}
	// RFC 8291, section 3.4: both ends' keys are bound into what is derived.
	info := "WebPush: info\x00" + string(r.point.Bytes()) + string(own.PublicKey().Bytes())
	ikm, err := hkdf.Key(sha256.New, shared, r.auth, info, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("seal a push message: %w", err)
	}
	cek, err := hkdf.Key(sha256.New, ikm, salt[:], "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, fmt.Errorf("seal a push message: %w", err)
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt[:], "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, fmt.Errorf("seal a push message: %w", err)
	}
	block, err := aes.NewCipher(cek)
	if err != nil {
		return nil, fmt.Errorf("seal a push message: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("seal a push message: %w", err)
	}
	head := append([]byte(nil), salt[:]...)
	head = binary.BigEndian.AppendUint32(head, recordLen)
	head = append(head, pointLen)
	head = append(head, own.PublicKey().Bytes()...)
	plain := append(append([]byte(nil), message...), lastMark)
	plain = append(plain, make([]byte, zeros)...)
	return aead.Seal(head, nonce, plain, nil), nil
}

// PublicKey is a key as browsers take it for applicationServerKey.
func PublicKey(key *ecdsa.PrivateKey) (string, error) {
	p, err := key.PublicKey.ECDH()
	if err != nil {
		return "", fmt.Errorf("key of Web Push: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(p.Bytes()), nil
}

// NewKey makes a key that PublicKey and Authorization take.
func NewKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// Authorization is the header by which a push service knows the server: a token
// for that service alone (origin), with whom to write to about it (contact).
func Authorization(key *ecdsa.PrivateKey, origin, contact string, now time.Time) (string, error) {
	claims, err := json.Marshal(map[string]any{"aud": origin, "exp": now.Add(tokenFor).Unix(), "sub": contact})
	if err != nil {
		return "", fmt.Errorf("token of Web Push: %w", err)
	}
	enc := base64.RawURLEncoding
	token := enc.EncodeToString([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + enc.EncodeToString(claims)
	digest := sha256.Sum256([]byte(token))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		return "", fmt.Errorf("token of Web Push: %w", err)
	}
	var sig [64]byte // RFC 7518, section 3.4: both numbers at their full length
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	public, err := PublicKey(key)
	if err != nil {
		return "", err
	}
	return "vapid t=" + token + "." + enc.EncodeToString(sig[:]) + ", k=" + public, nil
}

// MarshalKey gives a key as ParseKey takes it.
func MarshalKey(key *ecdsa.PrivateKey) ([]byte, error) { return x509.MarshalPKCS8PrivateKey(key) }

// ParseKey reads a key that MarshalKey gave.
func ParseKey(raw []byte) (*ecdsa.PrivateKey, error) {
	k, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return nil, fmt.Errorf("key of Web Push: %w", err)
	}
	key, ok := k.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key of Web Push: it is a %T", k)
	}
	return key, nil
}
