package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
)

// How long a login holds, and how long a fresh proof is one.
const (
	sessionFor = 12 * time.Hour
	idleFor    = 2 * time.Hour
	touchEvery = 5 * time.Minute
	freshFor   = 5 * time.Minute

	// maxSessions bounds the logins of one person; the oldest makes room.
	maxSessions = 20
)

// A Session is one login.
type Session struct {
	Hash    string        `json:"hash"` // of the token in the cookie, which is not kept
	Person  action.Person `json:"person"`
	Node    string        `json:"node,omitempty"` // the tailnet node, or the user of this machine, that it is bound to
	From    string        `json:"from"`
	Created time.Time     `json:"created"`
	Used    time.Time     `json:"used"`   // to a few minutes
	Proven  time.Time     `json:"proven"` // when they last proved who they are
	// Typed: a password began it, which whoever watches the machine may have seen.
	Typed bool `json:"typed,omitempty"`
	// Beside: the last proof was made where an agent speaks as well. One from before it
	// spoke there was not made for one change, and is worth none.
	Beside bool `json:"beside,omitempty"`
}

// ID names the session in the audit; it opens nothing.
func (s Session) ID() string { return s.Hash[:16] }

// Fresh reports whether the person proved who they are a moment ago; beside says
// whether an agent speaks from there now.
func (s Session) Fresh(now time.Time, beside bool) bool {
	return now.Sub(s.Proven) < freshFor && (s.Beside || !beside)
}

// over reports whether the session has ended by itself.
func (s Session) over(now time.Time) bool { return !now.Before(s.ends()) }

// ends is when the session ends by itself if nobody uses it any more.
func (s Session) ends() time.Time {
	end, idle := s.Created.Add(sessionFor), s.Used.Add(idleFor)
	if idle.Before(end) {
		return idle
	}
	return end
}

// newToken makes a value that nobody can guess.
func newToken() string {
	b := make([]byte, 32)
	rand.Read(b) //nolint:errcheck // it never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

func fingerprint(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Begin logs a person in who was last proven at a time, and gives the token of the
// session, which is in nobody's hands but the caller's. With a node it works only
// from there. Of s it takes Person, Node, From, Proven, Typed and Beside.
func (b *Book) Begin(ctx context.Context, s Session) (token string, err error) {
	token = newToken()
	now := b.now().UTC()
	p := s.Person
	s.Hash, s.Created, s.Used, s.Proven = fingerprint(token), now, now, s.Proven.UTC()
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.makeRoom(ctx, p.Name, now); err != nil {
		return "", err
	}
	if err := b.put(ctx, bucketSessions, s.Hash, s); err != nil {
		return "", err
	}
	b.sessions[s.Hash] = s
	return token, nil
}

// Groups lists the groups that logins which still hold say of somebody.
func (b *Book) Groups(name string) []string {
	now := b.now().UTC()
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
	for _, s := range b.sessions {
		if s.Person.Via != "oidc" || s.over(now) || !strings.EqualFold(s.Person.Name, name) {
			continue
		}
		for _, g := range s.Person.Groups {
			if !slices.Contains(list, g) {
				list = append(list, g)
			}
		}
	}
	return list
}

// makeRoom ends sessions that are over, and the oldest of somebody who has too
// many. The caller holds mu.
func (b *Book) makeRoom(ctx context.Context, name string, now time.Time) error {
	var oldest Session
	own := 0
	for _, s := range b.sessions {
		if s.over(now) {
			if err := b.end(ctx, s.Hash); err != nil {
				return err
			}
			continue
		}
		if s.Person.Name != name {
			continue
		}
		own++
		if oldest.Hash == "" || s.Used.Before(oldest.Used) {
			oldest = s
		}
	}
	if own < maxSessions {
		return nil
	}
	return b.end(ctx, oldest.Hash)
}

// Session gives the session of a token, if it holds from that node, and notes that
// it is used.
func (b *Book) Session(ctx context.Context, token, node string) (Session, bool) {
	s, ok := b.Look(token, node)
	if !ok {
		return s, false
	}
	now, key := b.now().UTC(), s.Hash
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, ok = b.sessions[key]; !ok { // it has ended just now
		return s, false
	}
	if now.Sub(s.Used) >= touchEvery {
		s.Used = now
		if b.put(ctx, bucketSessions, key, s) == nil {
			b.sessions[key] = s
		}
	}
	return s, true
}

// Look is Session for what is no use of it: a page that stays open.
func (b *Book) Look(token, node string) (Session, bool) {
	key := fingerprint(token)
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.sessions[key]
	if !ok || s.over(b.now().UTC()) || s.Node != node {
		return Session{}, false
	}
	return s, true
}

// Of gives the session of a hash, which is no proof of anything; the zero one if it is
// over, or not of that node.
func (b *Book) Of(hash, node string) Session {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sessions[hash]
	if s.over(b.now().UTC()) || s.Node != node {
		return Session{}
	}
	return s
}

// Ends tells until when the session of an ID holds if nobody uses it any more; the zero
// time if it is over.
func (b *Book) Ends(id string) time.Time {
	now := b.now().UTC()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sessions {
		if s.ID() == id && !s.over(now) {
			return s.ends()
		}
	}
	return time.Time{}
}

// Prove notes that the person of a session has proved anew who they are, and whether
// an agent speaks from there as well.
func (b *Book) Prove(ctx context.Context, s Session, beside bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, ok := b.sessions[s.Hash]
	if !ok {
		return fmt.Errorf("session: %w", ErrUnknown)
	}
	now.Proven, now.Beside = b.now().UTC(), beside
	if err := b.put(ctx, bucketSessions, s.Hash, now); err != nil {
		return err
	}
	b.sessions[s.Hash] = now
	return nil
}

// Spend uses up what the person of a session has proved a moment ago; false means
// that there is nothing, or no longer. beside is as in Session.Fresh.
func (b *Book) Spend(ctx context.Context, s Session, beside bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, ok := b.sessions[s.Hash]
	if !ok || !now.Fresh(b.now(), beside) {
		return false
	}
	now.Proven = time.Time{}
	if b.put(ctx, bucketSessions, s.Hash, now) != nil {
		return false // it would be good once more after a restart
	}
	b.sessions[s.Hash] = now
	return true
}

// End logs a session out.
func (b *Book) End(ctx context.Context, s Session) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.end(ctx, s.Hash)
}

// end forgets a session. The caller holds mu.
func (b *Book) end(ctx context.Context, key string) error {
	delete(b.sessions, key) // it must be over even if the store fails
	return b.store.Delete(ctx, bucketSessions, key)
}

// EndAll logs somebody out everywhere.
func (b *Book) EndAll(ctx context.Context, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for key, s := range b.sessions {
		if s.Person.Name == name {
			errs = append(errs, b.end(ctx, key))
		}
	}
	return errors.Join(errs...)
}
