package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/time/rate"
)

// What a password costs (RFC 9106, section 4, the second recommendation, with a
// third of the memory: a gateway shares its machine).
const (
	hashTime    = 3
	hashMemory  = 24 << 10 // KiB
	hashThreads = 2
	hashBytes   = 32
	saltBytes   = 16
	maxHashes   = 2

	minPassword = 10
	maxPassword = 1 << 10
)

// ErrBusy means that too many logins were tried.
var ErrBusy = errors.New("too many attempts; wait and try again")

// CheckPassword fails for a password that is too easy to try.
func CheckPassword(password string) error {
	switch {
	case len(password) < minPassword:
		return fmt.Errorf("a password has at least %d characters", minPassword)
	case len(password) > maxPassword:
		return fmt.Errorf("a password has at most %d bytes", maxPassword)
	}
	return nil
}

// hash makes the stored form of a password.
func hash(password string) (string, error) {
	salt := make([]byte, saltBytes)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	sum := argon2.IDKey([]byte(password), salt, hashTime, hashMemory, hashThreads, hashBytes)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashThreads, b64(salt), b64(sum)), nil
}

// nobodys is the stored form of no password, and takes as long to look at as any.
func nobodys() string {
	zeros := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashThreads,
		zeros(make([]byte, saltBytes)), zeros(make([]byte, hashBytes)))
}

// matches reports whether a stored form is that of the password.
func matches(stored, password string) bool {
	var version, memory, passes int
	var threads uint8
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &threads); err != nil {
		return false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || version != argon2.Version || memory < 1 || memory > 1<<20 || passes < 1 || passes > 64 || threads < 1 || len(want) < 16 {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, uint32(passes), uint32(memory), threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1
}

// hash is the package's hash for a password that is good enough, a few at a time.
func (b *Book) hash(ctx context.Context, password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	free, err := b.turn(ctx)
	if err != nil {
		return "", err
	}
	defer free()
	return hash(password)
}

// turn waits until one more password may be hashed.
func (b *Book) turn(ctx context.Context) (free func(), err error) {
	select {
	case b.hashes <- struct{}{}:
		return func() { <-b.hashes }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Try takes an attempt of any kind from the budget of from, which Proved gives back;
// it fails with ErrBusy where nothing is left, and nothing is to be looked at then.
func (b *Book) Try(from string) error {
	if !b.limit.allow(fromPrefix+from, sourceBurst) {
		return ErrBusy
	}
	return nil
}

// Failed takes an attempt that proved nobody from the budget of the name that it
// claimed; it fails with ErrBusy where nothing is left.
func (b *Book) Failed(name string) error {
	if !b.limit.allow(b.budget(name), nameBurst) {
		return ErrBusy
	}
	return nil
}

// Proved gives from its whole budget back: somebody has proved there who they are.
func (b *Book) Proved(from string) { b.limit.forget(fromPrefix + from) }

// budget is the key under which the attempts for a name are counted. Whoever asks
// chooses a name that there is not: these share one.
func (b *Book) budget(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.people[name]; !ok {
		return "no name"
	}
	return "name " + name
}

// Verify fails with ErrWrong unless name has this password, and with ErrBusy,
// without a look, for who has tried too often: from, and each name, have a budget
// of their own. It takes as long for a name that there is not.
func (b *Book) Verify(ctx context.Context, name, password, from string) error {
	b.mu.Lock()
	r := b.people[name]
	b.mu.Unlock()
	if err := b.Try(from); err != nil {
		return err
	}
	if err := b.Failed(name); err != nil {
		return err
	}
	free, err := b.turn(ctx)
	if err != nil {
		return err
	}
	defer free()
	stored := r.Hash
	if stored == "" {
		stored = nobodys()
	}
	if len(password) > maxPassword || !matches(stored, password) || r.Hash == "" {
		return ErrWrong
	}
	b.Proved(from)
	b.limit.forget(b.budget(name))
	return nil
}

// How often somebody may try to prove who they are: a few times at once, then once a minute.
const (
	sourceBurst = 5
	nameBurst   = 20
	refill      = time.Minute
	maxBudgets  = 10_000
	someBudgets = 64 // that are looked at for one to forget
	fromPrefix  = "from "
)

// A limiter counts attempts by key.
type limiter struct {
	now func() time.Time

	mu      sync.Mutex
	budgets map[string]*rate.Limiter // guarded by mu
	swept   time.Time                // guarded by mu
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, budgets: make(map[string]*rate.Limiter)}
}

// allow takes one attempt from a budget, if there is one left.
func (l *limiter) allow(key string, burst int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.budgets[key]
	if b == nil {
		if len(l.budgets) >= maxBudgets {
			l.sweep(now)
		}
		if len(l.budgets) >= maxBudgets && !l.makeRoom(now) {
			return false
		}
		b = rate.NewLimiter(rate.Every(refill), burst)
		l.budgets[key] = b
	}
	return b.AllowN(now, 1)
}

// sweep forgets budgets that are whole again. It looks at most every second, since
// whoever fills the book comes at any rate. The caller holds mu.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	for key, b := range l.budgets {
		if b.TokensAt(now) >= float64(b.Burst()) {
			delete(l.budgets, key)
		}
	}
}

// makeRoom forgets of some sources that which has tried least: who comes from ever new
// addresses, as one machine of IPv6 can, keeps nobody else out, and who has nothing left
// gets nothing back. Of names there are no more than operators. The caller holds mu.
func (l *limiter) makeRoom(now time.Time) bool {
	least, most, seen := "", -1.0, 0
	for key, b := range l.budgets {
		if !strings.HasPrefix(key, fromPrefix) {
			continue
		}
		if left := b.TokensAt(now); left > most {
			least, most = key, left
		}
		if seen++; seen == someBudgets {
			break
		}
	}
	delete(l.budgets, least)
	return seen > 0
}

// forget gives somebody a whole budget again.
func (l *limiter) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.budgets, key)
}
