// Package upkeep says what the secrets of a gateway need: a value, a longer one, a new
// one, or to go. It remembers over restarts when each last went out; it sees no value.
package upkeep

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/scrub"
)

const (
	endsSoon   = 14 * 24 * time.Hour // a secret that ends is spoken of from then on
	unused     = 90 * 24 * time.Hour // one that did not go out for so long, too
	unclaimed  = 24 * time.Hour      // one that no service takes: it may be set before its service is
	keepEvery  = 10 * time.Minute
	bucket     = "upkeep"
	key        = "uses"
	saveWithin = 5 * time.Second
)

// A Store keeps what is remembered.
type Store interface {
	Put(ctx context.Context, bucket, key string, value []byte) error
	Get(ctx context.Context, bucket, key string) (value []byte, ok bool, err error)
}

// A Ledger remembers when secrets went out.
type Ledger struct {
	store Store
	vault *vault.Vault
	now   func() time.Time
	since time.Time // uses are known from then on
}

// A page is a Ledger as it is kept.
type page struct {
	Since time.Time            `json:"since"`
	Uses  map[string]time.Time `json:"uses"`
}

// Open reads what is remembered and tells the vault.
func Open(ctx context.Context, s Store, v *vault.Vault, now func() time.Time) (*Ledger, error) {
	l := &Ledger{store: s, vault: v, now: now, since: now().UTC()}
	b, ok, err := s.Get(ctx, bucket, key)
	if err != nil {
		return nil, fmt.Errorf("uses of secrets: %w", err)
	}
	var p page
	if ok && json.Unmarshal(b, &p) == nil && !p.Since.IsZero() {
		l.since = p.Since
		v.Recall(p.Uses)
	}
	return l, nil
}

// Run keeps what is remembered, until ctx ends, and then once more.
func (l *Ledger) Run(ctx context.Context) error {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.Keep(ctx) //nolint:errcheck // tried again, and what is lost is a date
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
			defer cancel()
			l.Keep(ctx) //nolint:errcheck // the store says what it cannot write
			return nil
		}
	}
}

// Keep writes down when each secret last went out.
func (l *Ledger) Keep(ctx context.Context) error {
	p := page{Since: l.since, Uses: map[string]time.Time{}}
	for _, i := range l.vault.List() {
		if !i.Used.IsZero() {
			p.Uses[i.Name] = i.Used
		}
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return l.store.Put(ctx, bucket, key, b)
}

// Warnings says what the secrets need, of which wanted are taken by the configuration;
// those that connects names come to a value by `secret connect`.
func (l *Ledger) Warnings(wanted []string, connects func(name string) bool) []string {
	infos := l.vault.List()
	var list []string
	for _, name := range wanted {
		at := slices.IndexFunc(infos, func(i vault.Info) bool { return i.Name == name })
		if at < 0 {
			verb := "set"
			if connects(name) {
				verb = "connect"
			}
			list = append(list, fmt.Sprintf("secret %s has no value; %s it with: sallyport secret %[2]s %[1]s", name, verb))
			continue
		}
		if text := l.wanting(infos[at]); text != "" {
			list = append(list, text)
		}
	}
	for _, i := range infos {
		if !slices.Contains(wanted, i.Name) && i.Source == "sealed" && l.now().Sub(i.Created) > unclaimed {
			list = append(list, fmt.Sprintf("secret %s is taken by no service; if that is meant to stay so: sallyport secret rm %[1]s", i.Name))
		}
	}
	return list
}

// wanting says what a secret that is taken needs, "" for nothing.
func (l *Ledger) wanting(i vault.Info) string {
	now := l.now()
	last := i.Used
	if i.Version > 0 && last.Before(i.Created) { // of a source that is when it was read
		last = i.Created
	}
	if last.Before(l.since) {
		last = l.since
	}
	switch left := i.Expires.Sub(now); {
	case i.Problem != "":
		return fmt.Sprintf("secret %s (%s): %s", i.Name, i.Source, i.Problem)
	case !i.Expires.IsZero() && left <= 0:
		return fmt.Sprintf("secret %s ended at %s; give it another value: sallyport secret rotate %[1]s", i.Name, i.Expires.Format(time.RFC3339))
	case !i.Expires.IsZero() && left < endsSoon:
		return fmt.Sprintf("secret %s ends at %s, %s from now; give it another value: sallyport secret rotate %[1]s", i.Name, i.Expires.Format(time.RFC3339), span(left))
	case i.Short:
		return fmt.Sprintf("secret %s is too short to be looked for in what a service answers: take one of %d bytes or more", i.Name, scrub.Least)
	case now.Sub(last) > unused:
		return fmt.Sprintf("secret %s has not been used for %s; does anybody need it?", i.Name, span(now.Sub(last)))
	}
	return ""
}

// span is a time for people.
func span(d time.Duration) string {
	if days := int(d.Hours() / 24); days > 1 {
		return fmt.Sprintf("%d days", days)
	}
	return d.Round(time.Minute).String()
}
