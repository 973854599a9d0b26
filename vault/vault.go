package vault

import (
	"cmp"
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
	"sallyport.dev/sallyport/vault/seal"
)

// A Backend keeps sealed secrets. SaveSealed replaces what has the same name, all
// or nothing, and is durable when it returns.
type Backend interface {
	LoadSealed(ctx context.Context) ([]seal.Sealed, error)
	SaveSealed(ctx context.Context, s ...seal.Sealed) error
	DeleteSealed(ctx context.Context, name string) error
}

// reserved begins the names of what the gateway keeps for itself. No secret can
// have such a name, so no command and no rule can reach them.
const reserved = "sallyport/"

func internal(name string) bool { return strings.HasPrefix(name, reserved) }

// maxSecret bounds one value: service account files are the longest, at 4 KiB.
const maxSecret = 64 << 10

// ErrElsewhere means that the key is kept by somebody else, who has to replace it.
var ErrElsewhere = errors.New("the key of the vault is not the gateway's to replace")

// ErrUnshown means that an account is only for those who show its placeholder.
var ErrUnshown = errors.New("the agent does not show the placeholder")

// ErrNotFound means that no secret has the name.
var ErrNotFound = errors.New("no such secret")

// An Info describes a secret without its value.
type Info struct {
	Name    string    `json:"name"`
	Version uint64    `json:"version,omitempty"` // of a sealed one
	Created time.Time `json:"created,omitzero"`  // of this version; of a source: when it was read
	By      string    `json:"by,omitempty"`      // who set this version
	Older   []uint64  `json:"older,omitempty"`   // versions that Rollback may go back to, the oldest first
	Short   bool      `json:"short,omitempty"`   // too short to be looked for in answers
	Used    time.Time `json:"used,omitzero"`     // when it last went out, to the second
	Expires time.Time `json:"expires,omitzero"`  // when the value ends, where it says so itself
	Source  string    `json:"source"`            // "sealed", "env NAME", "file PATH", or where it is fetched
	Problem string    `json:"problem,omitempty"` // why it has no value, or none that is fresh
}

// A Vault holds every secret opened, in a snapshot that is swapped whole, so
// that making a credential reads no store and takes no lock.
type Vault struct {
	backend Backend
	key     seal.Key
	now     func() time.Time
	current atomic.Pointer[snapshot]
	used    scrub.Set     // every value that left in a credential
	second  atomic.Int64  // the time, for what is noted with each use
	wake    chan struct{} // something may have to be fetched
	minters map[string]Minter

	mintMu sync.Mutex
	mints  map[string]*mint // guarded by mintMu

	mu       sync.Mutex
	sealed   map[string]seal.Sealed // guarded by mu; the reserved ones too
	opened   map[string]entry       // guarded by mu; what is sealed, the reserved ones not
	declared map[string]*source     // guarded by mu
	turn     uint64                 // guarded by mu; counts changes, see entry.turn
}

// A snapshot is what Credential reads. Its entries never change.
type snapshot struct {
	entries map[string]entry
	made    atomic.Pointer[map[authKey]*Credential] // of these entries; replaced whole
	mask    atomic.Pointer[scrub.Matcher]           // of these values; see Mask
}

// An authKey tells an action.Auth from others.
type authKey struct{ scheme, name, least, spec, first, second string }

// keyOf gives the key of auth; false if it has more than a key tells.
func keyOf(auth action.Auth) (authKey, bool) {
	k := authKey{scheme: auth.Scheme, name: auth.Name, least: auth.Least, spec: auth.Spec}
	switch len(auth.Secrets) {
	case 2:
		k.second = auth.Secrets[1]
		fallthrough
	case 1:
		k.first = auth.Secrets[0]
		return k, true
	}
	return authKey{}, false
}

// kept gives the credential that was made for key, if any.
func (s *snapshot) kept(key authKey) *Credential {
	if made := s.made.Load(); made != nil && key.first != "" {
		return (*made)[key]
	}
	return nil
}

// keep remembers c. Of two that are kept at once one is forgotten, and made again.
func (s *snapshot) keep(key authKey, c *Credential) {
	was := s.made.Load()
	made := map[authKey]*Credential{key: c}
	if was != nil {
		maps.Copy(made, *was)
	}
	s.made.CompareAndSwap(was, &made)
}

// An entry is one secret as it stands now.
type entry struct {
	info  Info
	value Secret
	label string        // name@version, for records
	turn  uint64        // no two values ever have the same
	err   error         // why there is no value
	used  *atomic.Int64 // when it last went out, Unix time; shared by all copies
}

// Open reads and opens every secret of backend. A wrong key is an error; a
// damaged secret is not: it is listed with its problem and has no value. What is
// sealed with one of the old keys is sealed with key before Open returns.
func Open(ctx context.Context, backend Backend, key seal.Key, old ...seal.Key) (*Vault, error) {
	if key.ID() == "" {
		return nil, errors.New("open vault: there is no key")
	}
	v := &Vault{
		backend: backend, key: key, now: time.Now, wake: make(chan struct{}, 1), mints: map[string]*mint{},
		sealed: map[string]seal.Sealed{}, opened: map[string]entry{}, declared: map[string]*source{},
	}
	all, err := backend.LoadSealed(ctx)
	if err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	if all, err = rewrapAll(ctx, backend, all, key, old); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range all {
		if s.KeyID != key.ID() {
			_, err := s.Open(key)
			return nil, fmt.Errorf("open vault: %w", err)
		}
		v.sealed[s.Name] = s
		if !internal(s.Name) {
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

// Put seals value as the next version of name, set by somebody ("" if nobody is
// known). It takes the Secret over, and refuses a name that the configuration
// reads from elsewhere.
func (v *Vault) Put(ctx context.Context, name string, value Secret, by string) error {
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
	return v.putLocked(ctx, name, value, by)
}

func (v *Vault) putLocked(ctx context.Context, name string, value Secret, by string) error {
	s, err := v.saveLocked(ctx, name, value.Reveal(), by)
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
	troubles := v.troubles()
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		info := entries[name].info
		info.Problem = cmp.Or(info.Problem, troubles[name])
		info.Short = entries[name].err == nil && len(entries[name].value.Reveal()) < scrub.Least
		if at := entries[name].used.Load(); at != 0 {
			info.Used = time.Unix(at, 0).UTC()
		}
		infos = append(infos, info)
	}
	return infos
}

// Has reports whether name has a value.
func (v *Vault) Has(name string) bool {
	e, ok := v.current.Load().entries[name]
	return ok && e.err == nil
}

// Credential opens every secret of auth, or fails. It reads no store, and neither
// blocks nor allocates but the first time, and while a token is made.
func (v *Vault) Credential(ctx context.Context, auth action.Auth) (*Credential, error) {
	if m, ok := v.minters[auth.Scheme]; ok {
		return v.minted(ctx, m, auth)
	}
	now := v.current.Load()
	key, keep := keyOf(auth)
	c := now.kept(key)
	if c == nil {
		var err error
		if c, err = v.credential(now, auth); err != nil {
			return nil, err
		}
		if keep {
			now.keep(key, c)
		}
	}
	c.use(v.second.Load())
	return c, nil
}

// credential makes a credential of what is open now.
func (v *Vault) credential(now *snapshot, auth action.Auth) (*Credential, error) {
	values, _, err := now.values(auth)
	if err != nil {
		return nil, err
	}
	c, err := NewCredential(auth, values...)
	if err != nil {
		return nil, err
	}
	for i, name := range auth.Secrets {
		if out := c.sent(i); out != nil {
			v.used.With(name, now.entries[name].turn, out.Reveal())
		}
	}
	c.label, c.uses = now.labels(auth)
	c.LookFor(&v.used)
	return c, nil
}

// values gives the secrets of auth, and what changes when one of them does.
func (s *snapshot) values(auth action.Auth) ([]Secret, uint64, error) {
	values := make([]Secret, len(auth.Secrets))
	var newest uint64
	for i, name := range auth.Secrets {
		e, ok := s.entries[name]
		if !ok {
			return nil, 0, fmt.Errorf("secret %q: %w", name, ErrNotFound)
		}
		if e.err != nil {
			return nil, 0, fmt.Errorf("secret %q: %w", name, e.err)
		}
		values[i], newest = e.value, max(newest, e.turn)
	}
	return values, newest, nil
}

// labels names the secrets of auth, and gives where their use is noted.
func (s *snapshot) labels(auth action.Auth) (string, []*atomic.Int64) {
	labels := make([]string, len(auth.Secrets))
	uses := make([]*atomic.Int64, len(auth.Secrets))
	for i, name := range auth.Secrets {
		labels[i], uses[i] = s.entries[name].label, s.entries[name].used
	}
	return strings.Join(labels, ","), uses
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
		return v.open(s)
	}
	value, err := make()
	if err != nil {
		return Secret{}, fmt.Errorf("make %s: %w", name, err)
	}
	if _, err := v.saveLocked(ctx, reserved+name, value.Reveal(), ""); err != nil {
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
	_, err := v.saveLocked(ctx, reserved+name, value.Reveal(), "")
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
	return v.open(s)
}

// publishLocked makes what is declared and what is sealed the current snapshot;
// a declared secret hides a sealed one of its name.
func (v *Vault) publishLocked() {
	entries := maps.Clone(v.opened)
	for name, src := range v.declared {
		entries[name] = src.entry
	}
	v.current.Store(&snapshot{entries: entries})
}
