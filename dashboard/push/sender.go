package push

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/dashboard/push/envelope"
)

const (
	attempts    = 5
	firstPause  = time.Second
	maxPause    = 30 * time.Second
	callTimeout = 10 * time.Second
	atOnce      = 4               // messages on their way
	gap         = 3 * time.Second // between two messages to one browser: what comes meanwhile is told as one
	longest     = 4 * time.Hour   // that a push service keeps what it cannot deliver
)

// A Desk is what is told of: the asks, and who may answer one.
type Desk interface {
	// Changed gives a channel that is closed at the next change.
	Changed() <-chan struct{}
	First(n int) []approval.Request
	MayAnswer(r approval.Request, who action.Person) bool
}

// A Sender tells the browsers of a Book about the asks of a Desk. Its fields are
// set before Run.
type Sender struct {
	Book    *Book
	Desk    Desk
	Client  *http.Client // reaches public addresses only; redirects are not followed
	Key     func(context.Context) (*ecdsa.PrivateKey, error)
	Contact func() string // an address that a push service can complain to
	Now     func() time.Time
	Since   time.Time // asks that are older were told of by the process before this one
	Log     *slog.Logger

	mu    sync.Mutex
	lines map[string]*line // by id of the subscription; guarded by mu
}

// A line is what one browser is to be told.
type line struct {
	waiting []approval.Request
	next    time.Time // not before
	busy    bool
	told    time.Time
	problem string
}

// Run tells of every ask that was made since Since, until ctx ends, and waits for
// what is on its way.
func (s *Sender) Run(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	slots, freed := make(chan struct{}, atOnce), make(chan struct{}, 1)
	known := map[string]bool{}
	for {
		changed := s.Desk.Changed()
		pending := map[string]bool{}
		for _, r := range s.Desk.First(-1) {
			pending[r.ID] = true
			if !known[r.ID] && !r.Created.Before(s.Since) {
				s.add(r)
			}
		}
		known = pending
		wait := s.flush(pending, func(sub Subscription, asks []approval.Request) {
			work.Go(func() {
				slots <- struct{}{}
				s.finish(sub, s.deliver(ctx, sub, asks))
				<-slots
				select {
				case freed <- struct{}{}:
				default:
				}
			})
		})
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-changed:
		case <-freed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// add gives an ask to the line of every browser whose owner may answer it.
func (s *Sender) add(r approval.Request) {
	for _, sub := range s.Book.List() {
		if !s.Desk.MayAnswer(r, sub.Person) {
			continue
		}
		s.mu.Lock()
		l := s.line(sub.ID)
		l.waiting = append(l.waiting, r)
		s.mu.Unlock()
	}
}

// line gives the line of a subscription; the caller holds mu.
func (s *Sender) line(id string) *line {
	if s.lines == nil {
		s.lines = map[string]*line{}
	}
	if s.lines[id] == nil {
		s.lines[id] = &line{}
	}
	return s.lines[id]
}

// flush sends what is due and still waits, and gives how long until there may be
// more.
func (s *Sender) flush(pending map[string]bool, send func(Subscription, []approval.Request)) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, wait := s.Now(), time.Minute
	for id, l := range s.lines {
		sub, holds := s.Book.Get(id)
		if !holds {
			delete(s.lines, id)
			continue
		}
		still := slices.DeleteFunc(l.waiting, func(r approval.Request) bool { return !pending[r.ID] })
		l.waiting = still
		switch due := l.next.Sub(now); {
		case len(still) == 0 || l.busy:
		case due > 0:
			wait = min(wait, due)
		default:
			l.waiting, l.busy, l.next = nil, true, now.Add(gap)
			send(sub, still)
		}
	}
	return wait
}

// theirs gives which of some asks the owner of a browser may answer now; none if the
// browser is not theirs any more, or not subscribed.
func (s *Sender) theirs(sub Subscription, asks []approval.Request) []approval.Request {
	now, holds := s.Book.Get(sub.ID)
	if !holds || now.Person.Name != sub.Person.Name {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(asks), func(r approval.Request) bool { return !s.Desk.MayAnswer(r, now.Person) })
}

// finish notes how a message went. A browser that is gone is told nothing more.
func (s *Sender) finish(sub Subscription, err error) {
	if errors.Is(err, errGone) {
		if err := s.Book.Drop(context.Background(), sub.ID); err != nil {
			s.Log.Warn("a browser that is gone stays in the store", "browser", sub.ID, "err", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.line(sub.ID)
	l.busy, l.problem = false, ""
	if errors.Is(err, errLost) {
		return
	}
	if err == nil {
		l.told = s.Now().UTC()
		return
	}
	l.problem = err.Error()
	s.Log.Warn("a browser is not told that an agent asks", "browser", sub.ID, "of", sub.Person.Name, "service", sub.host(), "err", err)
}

// standing gives when a browser was told last, and what was wrong since.
func (s *Sender) standing(id string) (told time.Time, problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.lines[id]; l != nil {
		return l.told, l.problem
	}
	return time.Time{}, ""
}

var (
	errGone  = errors.New("the browser has ended its subscription")
	errLost  = errors.New("nobody there may answer it any more")
	errFinal = errors.New("the push service refuses it")
)

// A later error says when the push service wants to be asked again.
type later struct {
	error
	after time.Duration
}

func (l later) Unwrap() error { return l.error }

// deliver posts a notice until the push service takes it, refuses it, or nobody can
// answer any more. Before each attempt it looks whether who is told may answer still.
func (s *Sender) deliver(ctx context.Context, sub Subscription, asks []approval.Request) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		if asks = s.theirs(sub, asks); len(asks) == 0 {
			return errLost
		}
		until := slices.MaxFunc(asks, func(x, y approval.Request) int { return x.Expires.Compare(y.Expires) }).Expires
		err := s.post(ctx, sub, notice(asks), until)
		if err == nil || errors.Is(err, errGone) || errors.Is(err, errFinal) || attempt == attempts {
			return err
		}
		wait := pause
		var l later
		if errors.As(err, &l) {
			wait = max(wait, min(l.after, maxPause))
		}
		if s.Now().Add(wait).After(until) {
			return fmt.Errorf("%w; the ask ends before the next attempt", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		pause = min(2*pause, maxPause)
	}
}

// post sends a notice once.
func (s *Sender) post(ctx context.Context, sub Subscription, n Notice, until time.Time) error {
	req, err := s.request(ctx, sub, n, until)
	if err != nil {
		return fmt.Errorf("%w: %w", errFinal, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	client := *s.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req.WithContext(ctx))
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the address is a secret of the browser's
		}
		return fmt.Errorf("reach the push service: %w", err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 16<<10)) //nolint:errcheck // only so that the connection can be used again
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusNotFound, code == http.StatusGone: // RFC 8030, section 7.3
		return fmt.Errorf("%w: the push service answers %d", errGone, code)
	case code == http.StatusTooManyRequests, code >= 500:
		secs, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return later{fmt.Errorf("the push service answers %d", code), time.Duration(min(max(secs, 0), 3600)) * time.Second}
	default: // redirects, too
		return fmt.Errorf("%w: it answers %d", errFinal, code)
	}
}

// request makes the message, if the service is one that may be reached (still).
func (s *Sender) request(ctx context.Context, sub Subscription, n Notice, until time.Time) (*http.Request, error) {
	if !s.Book.may(sub.Endpoint) {
		return nil, errEndpoint
	}
	to, err := envelope.NewReceiver(sub.P256dh, sub.Auth)
	if err != nil {
		return nil, err
	}
	text, err := n.encode()
	if err != nil {
		return nil, err
	}
	body, err := to.Seal(text)
	if err != nil {
		return nil, err
	}
	key, err := s.Key(ctx)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(sub.Endpoint)
	if err != nil {
		return nil, errEndpoint
	}
	auth, err := envelope.Authorization(key, "https://"+u.Host, s.Contact(), s.Now())
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, sub.Endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, errEndpoint
	}
	ttl := min(max(until.Sub(s.Now()), 0), longest)
	for k, v := range map[string]string{
		"Authorization": auth, "Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream",
		"TTL": strconv.Itoa(int(ttl / time.Second)), "Urgency": "high", "Topic": idOf(n.Tag), "User-Agent": "sallyport-push",
	} {
		req.Header.Set(k, v)
	}
	return req, nil
}
