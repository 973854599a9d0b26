// Package account keeps who may log in at the gateway itself: local operators
// with their passwords and passkeys, the sessions of everybody who is logged in,
// API tokens and the link of the first run. Of what proves somebody it keeps
// hashes only, and it decides no route.
package account

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/route"
)

// A Store keeps values by bucket and key; they are on disk when Put returns.
type Store interface {
	Put(ctx context.Context, bucket, key string, value []byte) error
	Delete(ctx context.Context, bucket, key string) error
	// Each calls f with everything in a bucket, by key.
	Each(ctx context.Context, bucket string, f func(key string, value []byte) error) error
}

const (
	bucketOperators = "operators"
	bucketSessions  = "sessions"
	bucketTokens    = "tokens"
)

var (
	// ErrUnknown means that there is no operator, session or token of that name.
	ErrUnknown = errors.New("there is none of that name")
	// ErrExists means that the name is taken.
	ErrExists = errors.New("there is one of that name already")
	// ErrWrong means that what was given proves nobody. It never says why.
	ErrWrong = errors.New("wrong name or password")
)

// An Operator is a person whom the gateway itself can prove. One whose name is a
// login of the tailnet or of an identity provider has a password or passkey here
// beside that.
type Operator struct {
	Name     string       `json:"name"`
	Rights   route.Rights `json:"rights"` // beside what the operators block gives
	Created  time.Time    `json:"created"`
	Password bool         `json:"password"`
	Passkeys []string     `json:"passkeys,omitempty"` // what their owner calls them
}

// record is an operator as it is stored.
type record struct {
	Name     string       `json:"name"`
	Rights   route.Rights `json:"rights"`
	Created  time.Time    `json:"created"`
	Hash     string       `json:"hash,omitempty"` // of the password
	Passkeys []Passkey    `json:"passkeys,omitempty"`
}

func (r record) operator() Operator {
	o := Operator{Name: r.Name, Rights: r.Rights, Created: r.Created, Password: r.Hash != ""}
	for _, p := range r.Passkeys {
		o.Passkeys = append(o.Passkeys, p.Name)
	}
	return o
}

// A Passkey is one that an operator has registered.
type Passkey struct {
	Name       string          `json:"name"`
	Created    time.Time       `json:"created"`
	Credential json.RawMessage `json:"credential"` // the public half, as the library wants it back
}

// A Book holds all of it. It is safe for use by several goroutines.
type Book struct {
	store  Store
	now    func() time.Time
	hashes chan struct{} // bounds the passwords that are hashed at a time
	limit  *limiter

	mu       sync.Mutex
	people   map[string]record  // by name; guarded by mu
	sessions map[string]Session // by the hash of the token; guarded by mu
	tokens   map[string]apiKey  // by id; guarded by mu
	invite   invite             // guarded by mu
}

// Open reads what store has.
func Open(ctx context.Context, store Store, now func() time.Time) (*Book, error) {
	b := &Book{
		store: store, now: now, hashes: make(chan struct{}, maxHashes), limit: newLimiter(now),
		people: make(map[string]record), sessions: make(map[string]Session), tokens: make(map[string]apiKey),
	}
	err := errors.Join(
		load(ctx, store, bucketOperators, b.people, func(r record) string { return r.Name }),
		load(ctx, store, bucketSessions, b.sessions, func(s Session) string { return s.Hash }),
		load(ctx, store, bucketTokens, b.tokens, func(t apiKey) string { return t.ID }),
	)
	if err != nil {
		return nil, err
	}
	return b, nil
}

func load[T any](ctx context.Context, store Store, bucket string, into map[string]T, key func(T) string) error {
	return store.Each(ctx, bucket, func(_ string, value []byte) error {
		var v T
		if err := json.Unmarshal(value, &v); err != nil {
			return fmt.Errorf("read %s: %w", bucket, err)
		}
		into[key(v)] = v
		return nil
	})
}

func (b *Book) put(ctx context.Context, bucket, key string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("store %s: %w", bucket, err)
	}
	return b.store.Put(ctx, bucket, key, raw)
}

// validName is a login or an e-mail address.
var validName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._+@-]{0,127}$`)

// CheckName fails for what cannot be an operator's name. "token:" and "group:"
// cannot begin one.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("%q is no operator's name: use letters, digits and . _ + @ -", name)
	}
	return nil
}

// List gives every operator by name.
func (b *Book) List() []Operator {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Operator, 0, len(b.people))
	for _, r := range b.people {
		list = append(list, r.operator())
	}
	slices.SortFunc(list, func(x, y Operator) int { return cmp.Compare(x.Name, y.Name) })
	return list
}

// Get gives one operator.
func (b *Book) Get(name string) (Operator, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.people[name]
	return r.operator(), ok
}

// Rights are what the book gives a person; the configuration may give more.
func (b *Book) Rights(p action.Person) route.Rights {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.people[p.Name].Rights
}

// Add makes an operator; an empty password makes one that cannot log in yet.
func (b *Book) Add(ctx context.Context, name, password string, rights route.Rights) (Operator, error) {
	if err := CheckName(name); err != nil {
		return Operator{}, err
	}
	r := record{Name: name, Rights: rights, Created: b.now().UTC()}
	var err error
	if password != "" {
		if r.Hash, err = b.hash(ctx, password); err != nil {
			return Operator{}, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.add(ctx, r)
}

// add keeps a new operator, unless there is one whose name differs in capitals only.
// The caller holds mu.
func (b *Book) add(ctx context.Context, r record) (Operator, error) {
	for name := range b.people { // a configuration that names one means the other, too
		if strings.EqualFold(name, r.Name) {
			return Operator{}, fmt.Errorf("operator %s: %w", name, ErrExists)
		}
	}
	if err := b.put(ctx, bucketOperators, r.Name, r); err != nil {
		return Operator{}, err
	}
	b.people[r.Name] = r
	return r.operator(), nil
}

// change replaces an operator by what f makes of it.
func (b *Book) change(ctx context.Context, name string, f func(*record) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.people[name]
	if !ok {
		return fmt.Errorf("operator %s: %w", name, ErrUnknown)
	}
	r.Passkeys = slices.Clone(r.Passkeys)
	if err := f(&r); err != nil {
		return err
	}
	if err := b.put(ctx, bucketOperators, name, r); err != nil {
		return err
	}
	b.people[name] = r
	return nil
}

// SetRights changes what the book gives an operator.
func (b *Book) SetRights(ctx context.Context, name string, rights route.Rights) error {
	return b.change(ctx, name, func(r *record) error { r.Rights = rights; return nil })
}

// SetPassword gives an operator another password and ends all their sessions.
func (b *Book) SetPassword(ctx context.Context, name, password string) error {
	h, err := b.hash(ctx, password)
	if err != nil {
		return err
	}
	if err := b.change(ctx, name, func(r *record) error { r.Hash = h; return nil }); err != nil {
		return err
	}
	return b.EndAll(ctx, name)
}

// Remove forgets an operator with their sessions and tokens.
func (b *Book) Remove(ctx context.Context, name string) error {
	b.mu.Lock()
	_, ok := b.people[name]
	b.mu.Unlock()
	if !ok {
		return fmt.Errorf("operator %s: %w", name, ErrUnknown)
	}
	if err := errors.Join(b.EndAll(ctx, name), b.revokeAll(ctx, name)); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.store.Delete(ctx, bucketOperators, name); err != nil {
		return err
	}
	delete(b.people, name)
	return nil
}

// Passkeys gives the passkeys of an operator.
func (b *Book) Passkeys(name string) []Passkey {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.people[name].Passkeys)
}

// SetPasskeys replaces the passkeys of an operator by what f makes of them. An
// operator who has nothing here yet is made, without rights.
func (b *Book) SetPasskeys(ctx context.Context, name string, f func([]Passkey) []Passkey) error {
	if err := CheckName(name); err != nil {
		return err
	}
	b.mu.Lock()
	if _, ok := b.people[name]; !ok {
		if _, err := b.add(ctx, record{Name: name, Created: b.now().UTC()}); err != nil {
			b.mu.Unlock()
			return err
		}
	}
	b.mu.Unlock()
	return b.change(ctx, name, func(r *record) error { r.Passkeys = f(r.Passkeys); return nil })
}
