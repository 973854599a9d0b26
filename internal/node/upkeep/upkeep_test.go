package upkeep

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/seal"
)

// memory keeps both what the vault and what the Ledger remembers.
type memory struct {
	sealed []seal.Sealed
	kept   map[string][]byte
}

func (m *memory) LoadSealed(context.Context) ([]seal.Sealed, error) { return m.sealed, nil }
func (m *memory) SaveSealed(_ context.Context, s ...seal.Sealed) error {
	m.sealed = append(m.sealed, s...)
	return nil
}
func (m *memory) DeleteSealed(context.Context, string) error { return nil }

func (m *memory) Put(_ context.Context, bucket, key string, value []byte) error {
	m.kept[bucket+"/"+key] = value
	return nil
}

func (m *memory) Get(_ context.Context, bucket, key string) ([]byte, bool, error) {
	b, ok := m.kept[bucket+"/"+key]
	return b, ok, nil
}

func open(t *testing.T, m *memory, now *time.Time) (*vault.Vault, *Ledger) {
	t.Helper()
	k, err := seal.ParseKey(strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(t.Context(), m, k)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), m, v, func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	return v, l
}

// endsAt is a token that says when it ends.
func endsAt(at time.Time) string {
	return "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, at.Unix())) + ".x"
}

func TestWarnings(t *testing.T) {
	const day = 24 * time.Hour
	start := time.Now()
	now := start
	m := &memory{kept: map[string][]byte{}}
	v, _ := open(t, m, &now)
	for name, value := range map[string]string{
		"good": "an ordinary value", "short": "short", "idle": "an ordinary value", "spare": "an ordinary value",
		"ending": endsAt(start.Add(10 * day)), "ended": endsAt(start.Add(day)), "lasting": endsAt(start.Add(400 * day)),
	} {
		if err := v.Put(t.Context(), name, vault.NewSecret([]byte(value)), ""); err != nil {
			t.Fatal(err)
		}
	}
	wanted := []string{"good", "short", "idle", "ending", "ended", "lasting", "missing", "oauth"}
	check := func(when string, l *Ledger, want ...string) {
		t.Helper()
		got := l.Warnings(wanted, func(name string) bool { return name == "oauth" })
		for i, w := range got {
			got[i], _, _ = strings.Cut(strings.TrimPrefix(w, "secret "), ",")
			got[i], _, _ = strings.Cut(got[i], ";")
			got[i] = strings.Split(got[i], " at ")[0]
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	_, l := open(t, m, &now)
	missing := []string{"missing has no value", "oauth has no value"}
	check("at first", l, append([]string{"short is too short to be looked for in what a service answers: take one of 12 bytes or more", "ending ends", "ended ends"}, missing...)...)

	// After two days one has ended; what nobody takes is spoken of.
	now = start.Add(2 * day)
	check("after two days", l, append(append([]string{"short is too short to be looked for in what a service answers: take one of 12 bytes or more", "ending ends", "ended ended"}, missing...), "spare is taken by no service")...)

	// A hundred days and a restart later, only what went out meanwhile is in use.
	now = start.Add(50 * day)
	v.Recall(map[string]time.Time{"good": now, "lasting": now})
	if _, err := v.Credential(t.Context(), action.Auth{Scheme: "bearer", Secrets: []string{"good"}}); err != nil {
		t.Fatal(err)
	}
	l.vault = v
	if err := l.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = start.Add(100*day + time.Hour)
	_, l = open(t, m, &now)
	check("after a hundred days", l, append(append([]string{"short is too short to be looked for in what a service answers: take one of 12 bytes or more", "idle has not been used for 100 days", "ending ended", "ended ended"}, missing...), "spare is taken by no service")...)
}
