package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/action"
)

// press is a Minter that a test steers.
type press struct {
	mu    sync.Mutex
	made  int
	life  time.Duration
	slow  time.Duration
	err   error
	next  string // of the last secret
	asked []string
}

func (p *press) Mint(ctx context.Context, auth action.Auth, secrets []Secret) (Minted, error) {
	time.Sleep(p.slow)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, string(secrets[len(secrets)-1].Reveal()))
	if p.err != nil {
		return Minted{}, p.err
	}
	p.made++
	m := Minted{As: action.Auth{Scheme: "bearer"}, Value: NewSecret(fmt.Appendf(nil, "token-number-%d", p.made))}
	if p.life > 0 {
		m.Until = time.Now().Add(p.life)
	}
	if p.next != "" {
		m.Next = map[int]Secret{len(secrets) - 1: NewSecret(fmt.Appendf(nil, "%s-%d", p.next, p.made))}
	}
	return m, nil
}

func (p *press) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (p *press) seen() (made int, asked []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made, slices.Clone(p.asked)
}

// minting plays with a vault whose accounts of scheme "oauth2" p makes tokens of.
func minting(t *testing.T, p *press, play func(v *Vault, token func() string)) {
	synctest.Test(t, func(t *testing.T) {
		v := open(t, newMemory())
		v.Mint(map[string]Minter{"oauth2": p})
		put(t, v, "client", "the-client-secret")
		put(t, v, "refresh", "refresh-0")
		play(v, func() string {
			c, err := v.Credential(t.Context(), action.Auth{Scheme: "oauth2", Secrets: []string{"client", "refresh"}})
			if err != nil {
				return err.Error()
			}
			return string(c.values[0].Reveal()) + " " + c.Label()
		})
	})
}

func TestATokenIsMadeInTime(t *testing.T) {
	p := &press{life: time.Hour}
	minting(t, p, func(v *Vault, token func() string) {
		for range 3 {
			if got := token(); got != "token-number-1 client@1,refresh@1" {
				t.Errorf("got %s", got)
			}
		}
		time.Sleep(59*time.Minute + 30*time.Second)
		if got := token(); !strings.HasPrefix(got, "token-number-2 ") {
			t.Errorf("in its last minute: %s", got)
		}
		put(t, v, "client", "another-client-secret")
		if got := token(); got != "token-number-3 client@2,refresh@1" {
			t.Errorf("after the secret changed: %s", got)
		}
		b := []byte("an echo of token-number-3 and another-client-secret")
		c, _ := v.Credential(t.Context(), action.Auth{Scheme: "oauth2", Secrets: []string{"client", "refresh"}})
		if c.Used().Mask(b); strings.Contains(string(b), "token-number-3") {
			t.Errorf("a token is not looked for in answers: %s", b)
		}
	})
}

// However many ask, one token is made; and what one of them gives up is not lost.
func TestOneTokenForAll(t *testing.T) {
	p := &press{life: time.Hour, slow: time.Second}
	minting(t, p, func(v *Vault, token func() string) {
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if got := token(); !strings.HasPrefix(got, "token-number-1 ") {
					t.Errorf("got %s", got)
				}
			})
		}
		wg.Wait()
		if made, _ := p.seen(); made != 1 {
			t.Errorf("%d tokens were made", made)
		}
	})
}

// Those who come while a refresh token is being replaced use the new one, whichever
// account of it they come for.
func TestT35_NoRefreshTokenIsHandedInTwice(t *testing.T) {
	p := &press{life: time.Hour, slow: time.Second, next: "refresh"}
	minting(t, p, func(v *Vault, token func() string) {
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				auth := action.Auth{Scheme: "oauth2", Secrets: []string{"client", "refresh"}, Spec: fmt.Sprint(i % 2)}
				if _, err := v.Credential(context.Background(), auth); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, asked := p.seen(); strings.Join(asked, " ") != "refresh-0 refresh-1" {
			t.Errorf("asked with %s", asked)
		}
	})
}

// A refresh token that cannot be written is used on, told of, and written as soon as
// that can be done.
func TestARefreshTokenThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMemory()
		v := open(t, b)
		p := &press{life: time.Minute, next: "refresh"}
		v.Mint(map[string]Minter{"oauth2": p})
		put(t, v, "refresh", "refresh-0")
		auth := action.Auth{Scheme: "oauth2", Secrets: []string{"refresh"}}
		token := func() {
			t.Helper()
			if _, err := v.Credential(t.Context(), auth); err != nil {
				t.Fatal(err)
			}
		}
		problem := func() string { return v.List()[0].Problem }
		b.broken(errors.New("the disk is full"))
		for range 3 {
			token()
			time.Sleep(time.Minute)
		}
		if _, asked := p.seen(); strings.Join(asked, " ") != "refresh-0 refresh-1 refresh-2" {
			t.Errorf("asked with %s", asked)
		}
		if got := problem(); !strings.Contains(got, "memory only") || !strings.Contains(got, "disk is full") {
			t.Errorf("operators read %q", got)
		}
		token()
		b.broken(nil)
		v.settle(t.Context())
		if got := password(t, v, "refresh"); got != "refresh-4" || problem() != "" {
			t.Errorf("kept %s, and operators read %q", got, problem())
		}
		token()
		if made, _ := p.seen(); made != 4 {
			t.Errorf("%d tokens were made", made)
		}
		b.broken(errors.New("the disk is full again"))
		time.Sleep(time.Minute)
		token()
		b.broken(nil)
		put(t, v, "refresh", "set-by-hand")
		token()
		if got := password(t, v, "refresh"); got != "refresh-6" {
			t.Errorf("kept %s", got)
		}
		if _, asked := p.seen(); asked[len(asked)-1] != "set-by-hand" {
			t.Errorf("asked with %s", asked)
		}
	})
}

func TestATokenThatCannotBeMade(t *testing.T) {
	p := &press{life: time.Hour, err: errors.New(`id.example.com answers 400: "invalid_grant"`)}
	minting(t, p, func(v *Vault, token func() string) {
		for range 20 { // a moment's failure is not asked for again and again
			if got := token(); !strings.Contains(got, "invalid_grant") {
				t.Errorf("got %s", got)
			}
		}
		if _, asked := p.seen(); len(asked) != 1 {
			t.Errorf("asked %d times", len(asked))
		}
		problem := func() string { return v.List()[1].Problem }
		if got := problem(); !strings.Contains(got, "invalid_grant") {
			t.Errorf("operators read %q", got)
		}
		put(t, v, "refresh", "refresh-1")
		if got := problem(); got != "" {
			t.Errorf("after another value operators read %q", got)
		}
		token()
		p.fail(nil)
		time.Sleep(mintWait)
		if got := token(); !strings.HasPrefix(got, "token-number-1 ") {
			t.Errorf("got %s", got)
		}
		p.fail(errors.New("down"))
		time.Sleep(59*time.Minute + 30*time.Second)
		if got := token(); !strings.HasPrefix(got, "token-number-1 ") {
			t.Errorf("a token that lasts for another moment is given up: %s", got)
		}
		time.Sleep(time.Minute)
		if got := token(); !strings.Contains(got, "down") {
			t.Errorf("a token that has ended: %s", got)
		}
	})
}

// A refresh token that is good for one use is kept before the next.
func TestARefreshTokenIsReplaced(t *testing.T) {
	p := &press{life: time.Minute, next: "refresh"}
	minting(t, p, func(v *Vault, token func() string) {
		for range 3 {
			token()
			time.Sleep(time.Minute)
		}
		_, asked := p.seen()
		if got := strings.Join(asked, " "); got != "refresh-0 refresh-1 refresh-2" {
			t.Errorf("asked with %s", got)
		}
		if got := password(t, v, "refresh"); got != "refresh-3" {
			t.Errorf("kept %s", got)
		}
		v.Declare([]Source{{Name: "refresh", Env: "NOBODY_SETS_THIS"}}) // now it cannot be written
	})
}
