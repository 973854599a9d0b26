package outreach

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"sallyport.dev/sallyport/approval/judge"
	"sallyport.dev/sallyport/approval/slack"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/internal/store"
)

// A Store is where messages in Slack and what judges cost are kept.
type Store interface {
	Put(ctx context.Context, bucket, key string, value []byte) error
	Get(ctx context.Context, bucket, key string) (value []byte, ok bool, err error)
	List(ctx context.Context, bucket string) ([]store.KV, error)
	Delete(ctx context.Context, bucket, key string) error
}

const (
	bucketCards = "slack"
	bucketSpent = "judges" // key: judge and day, as "pii 2026-11-22"
)

// A ledger writes down what judges have used, by day (UTC).
type ledger struct {
	store Store
	mu    sync.Mutex
}

// Spent is what one judge used on one day.
type Spent struct {
	Calls  int64 `json:"calls"`
	Input  int64 `json:"input_tokens"`
	Output int64 `json:"output_tokens"`
}

func (l *ledger) add(ctx context.Context, name string, u judge.Usage, at time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := name + " " + at.UTC().Format(time.DateOnly)
	var s Spent
	if raw, ok, err := l.store.Get(ctx, bucketSpent, key); err != nil {
		return err
	} else if ok {
		if err := json.Unmarshal(raw, &s); err != nil {
			return fmt.Errorf("what judge %s used: %w", name, err)
		}
	}
	s.Calls, s.Input, s.Output = s.Calls+u.Calls, s.Input+u.Input, s.Output+u.Output
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("what judge %s used: %w", name, err)
	}
	return l.store.Put(ctx, bucketSpent, key, raw)
}

// spent records what one answer has cost.
func (r *Outreach) spent(name string, u judge.Usage) {
	if err := r.ledger.add(context.WithoutCancel(r.life), name, u, time.Now()); err != nil {
		r.o.Log.Warn("what a judge used is not written down", "judge", name, "err", err)
	}
}

// Usage gives what each judge has used today, by name.
func (r *Outreach) Usage(ctx context.Context) (map[string]Spent, error) {
	all, err := r.o.Store.List(ctx, bucketSpent)
	if err != nil {
		return nil, err
	}
	out := map[string]Spent{}
	today := " " + time.Now().UTC().Format(time.DateOnly)
	for _, kv := range all {
		if n := len(kv.Key) - len(today); n > 0 && kv.Key[n:] == today {
			var s Spent
			if err := json.Unmarshal(kv.Value, &s); err != nil {
				return nil, fmt.Errorf("what judge %s used: %w", kv.Key[:n], err)
			}
			out[kv.Key[:n]] = s
		}
	}
	return out, nil
}

// Judges lists the judges of the rules in force, with what they have used today.
func (r *Outreach) Judges(ctx context.Context) ([]dashboard.Judge, error) {
	used, err := r.Usage(ctx)
	if err != nil {
		return nil, err
	}
	list := []dashboard.Judge{}
	for _, j := range r.o.Rules().Config().Judges {
		u := used[j.Name]
		list = append(list, dashboard.Judge{
			Name: j.Name, Service: j.Service.Name, Model: j.Model.Value, Decides: j.Decides, Calls: u.Calls, Input: u.Input, Output: u.Output,
		})
	}
	return list, nil
}

// cards keeps the messages in Slack.
type cards struct{ Store }

func cardKey(c slack.Card) string { return c.Ask + " " + c.Channel }

// LoadCards gives every message that is looked after.
func (s cards) LoadCards(ctx context.Context) ([]slack.Card, error) {
	all, err := s.List(ctx, bucketCards)
	if err != nil {
		return nil, err
	}
	var list []slack.Card
	for _, kv := range all {
		var c slack.Card
		if err := json.Unmarshal(kv.Value, &c); err != nil {
			return nil, fmt.Errorf("message %s: %w", kv.Key, err)
		}
		list = append(list, c)
	}
	return list, nil
}

// SaveCard keeps one.
func (s cards) SaveCard(ctx context.Context, c slack.Card) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("message of %s: %w", c.Ask, err)
	}
	return s.Put(ctx, bucketCards, cardKey(c), raw)
}

// DropCard forgets one.
func (s cards) DropCard(ctx context.Context, c slack.Card) error {
	return s.Delete(ctx, bucketCards, cardKey(c))
}
