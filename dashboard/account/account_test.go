package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/route"

	"golang.org/x/time/rate"
)

// empty is a store with nothing in it.
type empty struct{ broken error }

func (e empty) Put(context.Context, string, string, []byte) error { return e.broken }
func (e empty) Delete(context.Context, string, string) error      { return e.broken }
func (e empty) Each(context.Context, string, func(string, []byte) error) error {
	return nil
}

func newBook(t testing.TB, store Store, now func() time.Time) *Book {
	t.Helper()
	b, err := Open(context.Background(), store, now)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAHashIsOfOnePassword(t *testing.T) {
	h, err := hash("a password")
	if err != nil {
		t.Fatal(err)
	}
	again, err := hash("a password")
	if err != nil || again == h {
		t.Errorf("two hashes of one password are %s, %v", again, err)
	}
	if !strings.HasPrefix(h, "$argon2id$v=19$m=24576,t=3,p=2$") {
		t.Errorf("the hash is %s", h)
	}
	for _, tt := range []struct {
		stored, password string
		want             bool
	}{
		{h, "a password", true},
		{h, "a password ", false},
		{h, "", false},
		{"", "", false},
		{"$argon2id$v=19$m=24576,t=3,p=2$$", "", false},
		{strings.Replace(h, "m=24576", "m=99999999", 1), "a password", false},
		{strings.Replace(h, "p=2", "p=0", 1), "a password", false},
		{strings.Replace(h, "t=3", "t=0", 1), "a password", false},
		{strings.Replace(h, "v=19", "v=16", 1), "a password", false},
		{h + "$", "a password", false},
	} {
		if got := matches(tt.stored, tt.password); got != tt.want {
			t.Errorf("%q of %q: %v", tt.password, tt.stored, got)
		}
	}
}

func TestT47_AttemptsAreBounded(t *testing.T) {
	clock := time.Now()
	l := newLimiter(func() time.Time { return clock })
	for range 3 {
		l.allow("from who guesses", 2)
		l.allow("name ana", 2)
	}
	for i := range 2 * maxBudgets {
		l.allow(fmt.Sprint(fromPrefix, i), 2)
	}
	if len(l.budgets) > maxBudgets {
		t.Errorf("%d budgets are kept", len(l.budgets))
	}
	if !l.allow("from somebody else", 2) {
		t.Error("who comes from ever new addresses keeps others out")
	}
	if l.allow("from who guesses", 2) || l.allow("name ana", 2) {
		t.Error("who comes from ever new addresses gives attempts back")
	}
	l.budgets = map[string]*rate.Limiter{}
	for i := range maxBudgets {
		l.allow(fmt.Sprint("name ", i), 2)
	}
	if l.allow("from one more", 2) {
		t.Error("an attempt without a budget")
	}
	clock = clock.Add(time.Hour)
	got := 0
	for range 5 {
		if l.allow("from one more", 2) {
			got++
		}
	}
	if got != 2 {
		t.Errorf("an hour later there are %d attempts", got)
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"ana": true, "ana@acme.dev": true, "a.b+c_d-e": true, "A1": true,
		"": false, "group:x": false, "*@acme.dev": false, "a b": false, "-a": false, "@a": false, "ä": false, "a\n": false,
		strings.Repeat("a", 129): false,
	} {
		if got := CheckName(name) == nil; got != ok {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// What the store does not take is not in force, and what it cannot forget is.
func TestABrokenStoreOpensNothing(t *testing.T) {
	broken := errors.New("the disk is gone")
	store := &empty{}
	b := newBook(t, store, time.Now)
	ctx := t.Context()
	token, err := b.Begin(ctx, Session{Person: action.Person{Name: "ana"}, From: "here", Proven: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := b.Issue(ctx, action.Person{Name: "ana"}, "ci", route.RightsOf(route.Viewer), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	store.broken = broken
	if _, err := b.Add(ctx, "bo", "", 0); !errors.Is(err, broken) || len(b.List()) > 0 {
		t.Errorf("added: %v, %v", err, b.List())
	}
	if _, err := b.Begin(ctx, Session{Person: action.Person{Name: "bo"}, From: "here", Proven: time.Now()}); !errors.Is(err, broken) || len(b.sessions) != 1 {
		t.Errorf("begun: %v", err)
	}
	if err := b.EndAll(ctx, "ana"); !errors.Is(err, broken) {
		t.Errorf("ended: %v", err)
	}
	if _, ok := b.Session(ctx, token, ""); ok {
		t.Error("a session that was ended holds")
	}
	if err := b.Revoke(ctx, "ci"); !errors.Is(err, broken) {
		t.Errorf("revoked: %v", err)
	}
	if _, ok := b.Token(secret); ok {
		t.Error("a token that was revoked holds")
	}
}

func TestSessionsOfOnePersonAreBounded(t *testing.T) {
	clock := time.Now()
	b := newBook(t, empty{}, func() time.Time { return clock })
	var first string
	for i := range maxSessions + 5 {
		clock = clock.Add(time.Second)
		token, err := b.Begin(t.Context(), Session{Person: action.Person{Name: "ana"}, From: "here", Proven: clock})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = token
		}
	}
	if _, ok := b.Look(first, ""); ok || len(b.sessions) != maxSessions {
		t.Errorf("%d sessions, the first holds: %v", len(b.sessions), ok)
	}
}

func FuzzToken(f *testing.F) {
	b := newBook(f, empty{}, time.Now)
	_, secret, err := b.Issue(context.Background(), action.Person{Name: "ana"}, "ci", route.RightsOf(route.Viewer), time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(secret[:len(secret)-1])
	f.Add("sallyport__")
	f.Fuzz(func(t *testing.T, s string) {
		if _, ok := b.Token(s); ok && s != secret {
			t.Errorf("%q is a token", s)
		}
	})
}

// Two operators whose names differ in capitals only would be one to a configuration
// that names either.
func TestNamesThatDifferInCapitalsAreOne(t *testing.T) {
	b := newBook(t, empty{}, time.Now)
	if _, err := b.Add(t.Context(), "ana@acme.dev", "", route.RightsOf(route.Viewer)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Ana@acme.dev", "ANA@ACME.DEV", "ana@acme.dev"} {
		if _, err := b.Add(t.Context(), name, "", route.RightsOf(route.Admin)); !errors.Is(err, ErrExists) {
			t.Errorf("%s: %v", name, err)
		}
		if err := b.SetPasskeys(t.Context(), name, func(p []Passkey) []Passkey { return p }); (err == nil) != (name == "ana@acme.dev") {
			t.Errorf("passkeys of %s: %v", name, err)
		}
	}
	if len(b.List()) != 1 {
		t.Errorf("%+v", b.List())
	}
}
