package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault/scrub"
)

// A Backend keeps sealed secrets. SaveSealed replaces what has the same name,
// and is durable when it returns.
type Backend interface {
	LoadSealed(ctx context.Context) ([]Sealed, error)
	SaveSealed(ctx context.Context, s Sealed) error
	DeleteSealed(ctx context.Context, name string) error
}

// reserved begins the names of what the gateway keeps for itself. No secret can
// have such a name, so no command and no rule can reach them.
const reserved = "sallyport/"

// maxSecret bounds one value: service account files are the longest, at 4 KiB.
const maxSecret = 64 << 10

// ErrNotFound means that no secret has the name.
var ErrNotFound = errors.New("no such secret")

// An Info describes a secret without its value.
type Info struct {
	Name    string    `json:"name"`
	Version uint64    `json:"version,omitempty"` // of a sealed one
	Created time.Time `json:"created,omitzero"`  // of this version; of a source: when it was read
	Source  string    `json:"source"`            // "sealed", "env NAME", "file PATH", or where it is fetched
	Problem string    `json:"problem,omitempty"` // why it has no value, or none that is fresh
}

// A Vault holds every secret opened, in a snapshot that is swapped whole, so
// that making a credential reads no store and takes no lock.
type Vault struct {
	backend Backend
	key     Key
	now     func() time.Time
	current atomic.Pointer[snapshot]
	used    scrub.Set     // every value that left in a credential
	wake    chan struct{} // something may have to be fetched

	mu       sync.Mutex
	sealed   map[string]Sealed  // guarded by mu; the reserved ones too
	opened   map[string]entry   // guarded by mu; what is sealed, the reserved ones not
	declared map[string]*source // guarded by mu
	turn     uint64             // guarded by mu; counts changes, see entry.turn
}

// A snapshot is what Credential reads. It never changes.
type snapshot struct{ entries map[string]entry }

// An entry is one secret as it stands now.
type entry struct {
	info  Info
	value Secret
	turn  uint64 // no two values ever have the same
	err   error  // why there is no value
}

// Open reads and opens every secret of backend. A wrong key is an error; a
// damaged secret is not: it is listed with its problem and has no value.
func Open(ctx context.Context, backend Backend, key Key) (*Vault, error) {
	if key.id == "" {
		return nil, errors.New("open vault: there is no key")
	}
	v := &Vault{
		backend: backend, key: key, now: time.Now, wake: make(chan struct{}, 1),
		sealed: map[string]Sealed{}, opened: map[string]entry{}, declared: map[string]*source{},
	}
	all, err := backend.LoadSealed(ctx)
	if err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range all {
		if s.KeyID != key.id {
			_, err := s.open(key)
			return nil, fmt.Errorf("open vault: %w", err)
		}
		v.sealed[s.Name] = s
		if !strings.HasPrefix(s.Name, reserved) {
			v.openLocked(s)
		}
	}
	v.publishLocked()
	return v, nil
}

// CheckName reports why name cannot name a secret; nil if it can.
func CheckName(name string) error {
	if name == "" || len(name) > 128 {
		return fmt.Errorf("secret name %q: 1 to 128 characters", name)
	}
	for i, r := range name {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r != '-' && (r < '0' || r > '9')) {
			return fmt.Errorf("secret name %q: letters, digits, _ and -, a letter first", name)
		}
	}
	return nil
}

// Put seals value as the next version of name. It takes the Secret over, and
// refuses a name that the configuration reads from elsewhere.
func (v *Vault) Put(ctx context.Context, name string, value Secret) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if n := len(value.Reveal()); n == 0 || n > maxSecret {
		return fmt.Errorf("secret %q: a value has 1 to %d bytes, this one has %d", name, maxSecret, n)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if src, ok := v.declared[name]; ok {
		return fmt.Errorf("secret %q is read from %s: change it there", name, src.Source)
	}
	s, err := v.saveLocked(ctx, name, value.Reveal())
	if err != nil {
		return err
	}
	v.openLocked(s)
	v.publishLocked()
	return nil
}

// Delete forgets every version of a sealed secret.
func (v *Vault) Delete(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.sealed[name]; !ok {
		if src, ok := v.declared[name]; ok {
			return fmt.Errorf("secret %q is read from %s: remove it there", name, src.Source)
		}
		return fmt.Errorf("secret %q: %w", name, ErrNotFound)
	}
	if err := v.backend.DeleteSealed(ctx, name); err != nil {
		return fmt.Errorf("delete secret %q: %w", name, err)
	}
	delete(v.sealed, name)
	delete(v.opened, name)
	v.publishLocked()
	return nil
}

// List describes every secret, sorted by name.
func (v *Vault) List() []Info {
	entries := v.current.Load().entries
	infos := make([]Info, 0, len(entries))
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		infos = append(infos, entries[name].info)
	}
	return infos
}

// Has reports whether name has a value.
func (v *Vault) Has(name string) bool {
	e, ok := v.current.Load().entries[name]
	return ok && e.err == nil
}

// Credential opens every secret of auth, or fails. It neither blocks nor reads
// the store.
func (v *Vault) Credential(_ context.Context, auth action.Auth) (*Credential, error) {
	entries := v.current.Load().entries
	values := make([]Secret, len(auth.Secrets))
	for i, name := range auth.Secrets {
		e, ok := entries[name]
		if !ok {
			return nil, fmt.Errorf("secret %q: %w", name, ErrNotFound)
		}
		if e.err != nil {
			return nil, fmt.Errorf("secret %q: %w", name, e.err)
		}
		values[i] = e.value
	}
	c, err := NewCredential(auth, values...)
	if err != nil {
		return nil, err
	}
	for _, name := range auth.Secrets {
		c.LookFor(v.used.With(name, entries[name].turn, entries[name].value.Reveal()))
	}
	return c, nil
}

// Generation changes whenever the value of one of auth's secrets does; it is 0
// while one has no value. It neither blocks nor reads the store.
func (v *Vault) Generation(auth action.Auth) uint64 {
	entries := v.current.Load().entries
	var newest uint64
	for _, name := range auth.Secrets {
		e, ok := entries[name]
		if !ok || e.err != nil {
			return 0
		}
		newest = max(newest, e.turn)
	}
	return newest
}

// Internal gives a value that the gateway keeps for itself, sealed like a secret
// but seen by no command. make is asked for it the first time.
func (v *Vault) Internal(ctx context.Context, name string, make func() (Secret, error)) (Secret, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s, ok := v.sealed[reserved+name]; ok {
		return s.open(v.key)
	}
	value, err := make()
	if err != nil {
		return Secret{}, fmt.Errorf("make %s: %w", name, err)
	}
	if _, err := v.saveLocked(ctx, reserved+name, value.Reveal()); err != nil {
		return Secret{}, err
	}
	return value, nil
}

// Value gives one secret to the gateway itself, for what it is configured with.
// It neither blocks nor reads the store.
func (v *Vault) Value(name string) (Secret, error) {
	e, ok := v.current.Load().entries[name]
	if !ok {
		return Secret{}, fmt.Errorf("secret %q: %w", name, ErrNotFound)
	}
	if e.err != nil {
		return Secret{}, fmt.Errorf("secret %q: %w", name, e.err)
	}
	return e.value, nil
}

// PutInternal replaces a value that the gateway keeps for itself.
func (v *Vault) PutInternal(ctx context.Context, name string, value Secret) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, err := v.saveLocked(ctx, reserved+name, value.Reveal())
	return err
}

// GetInternal gives a value that the gateway keeps for itself, or ErrNotFound.
func (v *Vault) GetInternal(name string) (Secret, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, ok := v.sealed[reserved+name]
	if !ok {
		return Secret{}, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	return s.open(v.key)
}

func (v *Vault) saveLocked(ctx context.Context, name string, value []byte) (Sealed, error) {
	s, err := seal(v.key, name, v.sealed[name].Version+1, v.now(), value)
	if err != nil {
		return Sealed{}, fmt.Errorf("seal %q: %w", name, err)
	}
	if err := v.backend.SaveSealed(ctx, s); err != nil {
		return Sealed{}, fmt.Errorf("save secret %q: %w", name, err)
	}
	v.sealed[name] = s
	return s, nil
}

func (v *Vault) openLocked(s Sealed) {
	v.turn++
	e := entry{turn: v.turn, info: Info{Name: s.Name, Version: s.Version, Created: s.Created, Source: "sealed"}}
	if e.value, e.err = s.open(v.key); e.err != nil {
		e.info.Problem = e.err.Error()
	}
	v.opened[s.Name] = e
}

// publishLocked makes what is declared and what is sealed the current snapshot;
// a declared secret hides a sealed one of its name.
func (v *Vault) publishLocked() {
	entries := maps.Clone(v.opened)
	for name, src := range v.declared {
		entries[name] = src.entry
	}
	v.current.Store(&snapshot{entries})
}
