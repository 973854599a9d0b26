// Package push tells people's browsers by Web Push that an agent asks (RFC 8030):
// who subscribed where, what a lock screen may show, and sending it. It answers
// nothing, and no word that an agent chose goes out.
package push

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/push/envelope"
)

const (
	bucket = "push"
	// keptFor is how long a subscription is kept that its browser does not renew:
	// whose it is, and in which groups they are, was true when they last looked.
	keptFor = 30 * 24 * time.Hour

	maxOwn      = 10  // browsers of one person; the oldest makes room
	maxAll      = 500 // subscriptions
	maxEndpoint = 1024
	maxBrowser  = 80
)

var (
	errEndpoint = errors.New("the endpoint is no https address of a push service that this gateway may reach")
	errFull     = fmt.Errorf("%d browsers are subscribed already", maxAll)
)

// Known lists the push services of the browsers that people have, as hosts or
// "*.suffix": a browser that subscribes names one of them.
func Known() []string {
	return []string{"fcm.googleapis.com", "*.push.services.mozilla.com", "*.notify.windows.com", "*.push.apple.com"}
}

// A Store keeps values by bucket and key.
type Store interface {
	Put(ctx context.Context, bucket, key string, value []byte) error
	Delete(ctx context.Context, bucket, key string) error
	Each(ctx context.Context, bucket string, f func(key string, value []byte) error) error
}

// A Subscription is one browser of one person.
type Subscription struct {
	ID       string        `json:"id"`
	Person   action.Person `json:"person"`
	Browser  string        `json:"browser"` // what its owner calls it
	Endpoint string        `json:"endpoint"`
	P256dh   string        `json:"p256dh"`
	Auth     string        `json:"auth"`
	Login    string        `json:"login,omitempty"` // it was made from; "": the tailnet said whose it is
	Created  time.Time     `json:"created"`
	Seen     time.Time     `json:"seen"` // when the browser last said so
}

// host is the push service of the subscription.
func (s Subscription) host() string {
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// A Book keeps the subscriptions. It is safe for use by several goroutines.
type Book struct {
	store    Store
	now      func() time.Time
	services func() []string

	// Ends tells until when a login holds if nobody uses it any more; the zero time for
	// one that is over. It is set before the first use; nil: no login ends by itself.
	Ends func(login string) time.Time

	mu  sync.Mutex
	all map[string]Subscription // by id; guarded by mu
}

// Open reads what store has. services lists the hosts, or "*.suffix", that may be
// sent to; it is asked every time.
func Open(ctx context.Context, store Store, services func() []string, now func() time.Time) (*Book, error) {
	b := &Book{store: store, now: now, services: services, all: map[string]Subscription{}}
	err := store.Each(ctx, bucket, func(_ string, value []byte) error {
		var s Subscription
		if err := json.Unmarshal(value, &s); err != nil {
			return fmt.Errorf("read the browsers of Web Push: %w", err)
		}
		b.all[s.ID] = s
		return nil
	})
	return b, err
}

// may reports whether a message may go to an endpoint: by https at its own port,
// to a service that is listed and no bare address, so that no browser, or whoever
// plays one, has the gateway call where it likes.
func (b *Book) may(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || len(endpoint) > maxEndpoint || u.Scheme != "https" || u.User != nil || u.Opaque != "" || u.Fragment != "" {
		return false
	}
	if p := u.Port(); p != "" && p != "443" {
		return false
	}
	host := strings.ToLower(u.Hostname())
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return false
	}
	return slices.ContainsFunc(b.services(), func(s string) bool {
		if suffix, ok := strings.CutPrefix(s, "*"); ok {
			return strings.HasSuffix(host, suffix) && len(host) > len(suffix)
		}
		return host == s
	})
}

// idOf names a subscription by its endpoint, which is a secret of the browser's.
func idOf(endpoint string) string {
	sum := sha256.Sum256([]byte(endpoint))
	return hex.EncodeToString(sum[:8])
}

// Put keeps a subscription, or renews it. An endpoint belongs to who came last.
func (b *Book) Put(ctx context.Context, s Subscription) (Subscription, error) {
	if !b.may(s.Endpoint) {
		return s, errEndpoint
	}
	if _, err := envelope.NewReceiver(s.P256dh, s.Auth); err != nil {
		return s, err
	}
	s.ID, s.Seen = idOf(s.Endpoint), b.now().UTC()
	s.Created, s.Browser = s.Seen, plain(s.Browser, maxBrowser)
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, ok := b.all[s.ID]; ok && old.Person.Name == s.Person.Name {
		s.Created = old.Created
	}
	if err := b.makeRoom(ctx, s); err != nil {
		return s, err
	}
	return s, b.keep(ctx, s)
}

// keep stores a subscription. The caller holds mu.
func (b *Book) keep(ctx context.Context, s Subscription) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("keep a browser of Web Push: %w", err)
	}
	if err := b.store.Put(ctx, bucket, s.ID, raw); err != nil {
		return err
	}
	b.all[s.ID] = s
	return nil
}

// makeRoom drops what holds no more, and the oldest of somebody who has too many.
// The caller holds mu.
func (b *Book) makeRoom(ctx context.Context, s Subscription) error {
	var own []Subscription
	for id, o := range b.all {
		switch {
		case id == s.ID:
		case !b.kept(o):
			if err := b.drop(ctx, id); err != nil {
				return err
			}
		case o.Person.Name == s.Person.Name:
			own = append(own, o)
		}
	}
	if len(own) >= maxOwn {
		oldest := slices.MinFunc(own, func(x, y Subscription) int { return x.Seen.Compare(y.Seen) })
		if err := b.drop(ctx, oldest.ID); err != nil {
			return err
		}
	}
	if _, known := b.all[s.ID]; !known && len(b.all) >= maxAll {
		return errFull
	}
	return nil
}

// kept reports whether a subscription is one still. With its login over nobody is told
// by it, but its browser can go on when the same person logs in there again.
func (b *Book) kept(s Subscription) bool { return b.now().Sub(s.Seen) < keptFor }

// until gives when a subscription ends unless its browser or its login is used again.
func (b *Book) until(s Subscription) time.Time {
	end := s.Seen.Add(keptFor)
	if s.Login == "" || b.Ends == nil {
		return end
	}
	if login := b.Ends(s.Login); login.Before(end) {
		return login
	}
	return end
}

// holds reports whether a browser may be told.
func (b *Book) holds(s Subscription) bool { return b.now().Before(b.until(s)) }

// drop forgets one. The caller holds mu.
func (b *Book) drop(ctx context.Context, id string) error {
	delete(b.all, id) // it must hear nothing more even if the store fails
	return b.store.Delete(ctx, bucket, id)
}

// Drop forgets a subscription.
func (b *Book) Drop(ctx context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.drop(ctx, id)
}

// Forget drops every browser of somebody.
func (b *Book) Forget(ctx context.Context, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for id, s := range b.all {
		if strings.EqualFold(s.Person.Name, name) {
			errs = append(errs, b.drop(ctx, id))
		}
	}
	return errors.Join(errs...)
}

// Move puts a login in the place of one that it began after. With none it is over, and
// the browsers that were subscribed from it are told nothing more.
func (b *Book) Move(ctx context.Context, from, to string) error {
	if from == "" {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for id, s := range b.all {
		switch {
		case s.Login != from:
		case to == "":
			errs = append(errs, b.drop(ctx, id))
		default:
			s.Login = to
			errs = append(errs, b.keep(ctx, s))
		}
	}
	return errors.Join(errs...)
}

// List gives every subscription that holds, by person and age.
func (b *Book) List() []Subscription {
	return slices.DeleteFunc(b.Kept(), func(s Subscription) bool { return !b.holds(s) })
}

// Kept is List with those whose login is over.
func (b *Book) Kept() []Subscription {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Subscription, 0, len(b.all))
	for _, s := range b.all {
		if b.kept(s) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(x, y Subscription) int {
		return cmp.Or(cmp.Compare(x.Person.Name, y.Person.Name), x.Created.Compare(y.Created), cmp.Compare(x.ID, y.ID))
	})
	return list
}

// Get gives one that holds.
func (b *Book) Get(id string) (Subscription, bool) {
	s, ok := b.find(id)
	return s, ok && b.holds(s)
}

// find gives one that is kept.
func (b *Book) find(id string) (Subscription, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.all[id]
	return s, ok && b.kept(s)
}

// plain leaves of a text what can stand in one line of any screen.
func plain(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), most)]
}
