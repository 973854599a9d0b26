// Package passkey carries out the ceremonies of passkeys (WebAuthn): registering
// one, and proving with it who somebody is, each within a few minutes and once.
// It stores nothing and opens no session.
package passkey

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"sallyport.dev/sallyport/dashboard/account"
	"sallyport.dev/sallyport/dashboard/pending"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

const (
	// openFor is how long a ceremony may take.
	openFor = 5 * time.Minute
	// maxOpen bounds the ceremonies that are under way, and maxOpenEach those of one
	// peer.
	maxOpen, maxOpenEach = 1000, 30
)

var (
	// ErrFailed means that what the browser sent proves nothing.
	ErrFailed = errors.New("the passkey does not prove who you are")
	// ErrBusy means that too many ceremonies are under way.
	ErrBusy = errors.New("too many passkeys are being asked for; wait and try again")
)

// A User is whose passkeys are meant.
type User struct {
	Name string
	Keys []account.Passkey
}

// A Site is where the browser is: passkeys belong to a name, and to no address.
type Site struct {
	Origin string // "https://sallyport.corp.ts.net"
	Host   string // of it, without the port
	Peer   string // who is there, as far as the network tells
}

// Ceremonies are those under way. Make them with New.
type Ceremonies struct {
	open pending.Book[ceremony] // by challenge
}

// New gives Ceremonies of which none is under way.
func New(now func() time.Time) *Ceremonies {
	return &Ceremonies{open: pending.Book[ceremony]{Now: now, For: openFor, Each: maxOpenEach, All: maxOpen}}
}

type ceremony struct {
	data webauthn.SessionData
	user string // who registers; "": somebody proves who they are
}

func (s Site) library() (*webauthn.WebAuthn, error) {
	if net.ParseIP(s.Host) != nil {
		return nil, fmt.Errorf("a browser takes passkeys from a name only, and %s is an address", s.Host)
	}
	return webauthn.New(&webauthn.Config{RPID: s.Host, RPDisplayName: "Sallyport", RPOrigins: []string{s.Origin}})
}

// person is a User as the library wants it.
type person struct{ User }

func (p person) WebAuthnID() []byte          { return Handle(p.Name) }
func (p person) WebAuthnName() string        { return p.Name }
func (p person) WebAuthnDisplayName() string { return p.Name }

func (p person) WebAuthnCredentials() []webauthn.Credential {
	var list []webauthn.Credential
	for _, k := range p.Keys {
		var c webauthn.Credential
		if json.Unmarshal(k.Credential, &c) == nil {
			list = append(list, c)
		}
	}
	return list
}

// Handle is what an authenticator keeps of whose passkey it is.
func Handle(name string) []byte {
	sum := sha256.Sum256([]byte("sallyport operator " + name))
	return sum[:]
}

// Register gives what the browser is to make a passkey of.
func (c *Ceremonies) Register(s Site, u User) (*protocol.CredentialCreation, error) {
	lib, err := s.library()
	if err != nil {
		return nil, err
	}
	var known []protocol.CredentialDescriptor
	for _, have := range (person{u}).WebAuthnCredentials() {
		known = append(known, have.Descriptor())
	}
	options, data, err := lib.BeginRegistration(person{u},
		webauthn.WithExclusions(known),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		}))
	if err != nil {
		return nil, fmt.Errorf("register a passkey: %w", err)
	}
	return options, c.keep(s.Peer, ceremony{*data, u.Name})
}

// Registered gives the public half of a passkey that the browser has made.
func (c *Ceremonies) Registered(s Site, u User, answer []byte) (json.RawMessage, error) {
	lib, err := s.library()
	if err != nil {
		return nil, err
	}
	got, err := protocol.ParseCredentialCreationResponseBody(bytes.NewReader(answer))
	if err != nil {
		return nil, ErrFailed
	}
	open, ok := c.take(got.Response.CollectedClientData.Challenge)
	if !ok || open.user != u.Name {
		return nil, ErrFailed
	}
	made, err := lib.CreateCredential(person{u}, open.data, got)
	if err != nil {
		return nil, ErrFailed
	}
	return json.Marshal(made)
}

// Ask gives what the browser is to sign with any passkey of this site.
func (c *Ceremonies) Ask(s Site) (*protocol.CredentialAssertion, error) {
	lib, err := s.library()
	if err != nil {
		return nil, err
	}
	options, data, err := lib.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	return options, c.keep(s.Peer, ceremony{data: *data})
}

// Answered tells who signed, and what is to be kept of the passkey from now on.
// find gives the user of a handle.
func (c *Ceremonies) Answered(s Site, answer []byte, find func(handle []byte) (User, bool)) (name string, key account.Passkey, err error) {
	lib, err := s.library()
	if err != nil {
		return "", key, err
	}
	got, err := protocol.ParseCredentialRequestResponseBody(io.LimitReader(bytes.NewReader(answer), 64<<10))
	if err != nil {
		return "", key, ErrFailed
	}
	open, ok := c.take(got.Response.CollectedClientData.Challenge)
	if !ok || open.user != "" {
		return "", key, ErrFailed
	}
	var who User
	credential, err := lib.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
		u, ok := find(handle)
		if !ok {
			return nil, ErrFailed
		}
		who = u
		return person{u}, nil
	}, open.data, got)
	if err != nil || credential.Authenticator.CloneWarning {
		return who.Name, key, ErrFailed
	}
	for _, k := range who.Keys {
		var have webauthn.Credential
		if json.Unmarshal(k.Credential, &have) == nil && bytes.Equal(have.ID, credential.ID) {
			key = k
		}
	}
	key.Credential, err = json.Marshal(credential)
	return who.Name, key, err
}

// keep remembers a ceremony under way.
func (c *Ceremonies) keep(peer string, open ceremony) error {
	if err := c.open.Keep(open.data.Challenge, peer, open); err != nil {
		return ErrBusy
	}
	return nil
}

// take gives a ceremony under way, once. The library compares its end with its own
// clock, which is told another one than ours in tests.
func (c *Ceremonies) take(challenge string) (ceremony, bool) {
	open, ok := c.open.Take(challenge)
	open.data.Expires = time.Time{}
	return open, ok
}
