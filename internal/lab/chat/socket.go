package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// pingEvery is how often the server pings; the library gives up after 30 s.
const pingEvery = 5 * time.Second

// link is one socket of the gateway.
func (s *Slack) link(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	down := s.down
	s.mu.Unlock()
	if down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	s.work.Add(1)
	defer s.work.Done()
	defer c.Close()
	s.mu.Lock()
	err = c.WriteJSON(map[string]any{"type": "hello", "num_connections": 1, "connection_info": map[string]any{"app_id": "A0LAB"}})
	s.sockets[c] = true
	s.opened++
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	stop := make(chan struct{})
	s.work.Go(func() { s.ping(c, stop) })
	for err == nil {
		var ack struct {
			Envelope string `json:"envelope_id"`
		}
		if err = c.ReadJSON(&ack); err == nil {
			s.mu.Lock()
			if done := s.acked[ack.Envelope]; done != nil {
				close(done)
				delete(s.acked, ack.Envelope)
			}
			s.mu.Unlock()
		}
	}
	close(stop)
	s.mu.Lock()
	delete(s.sockets, c)
	s.mu.Unlock()
}

func (s *Slack) ping(c *websocket.Conn, stop <-chan struct{}) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			c.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)) //nolint:errcheck // the reader sees it
		}
	}
}

// A Click is a pressed button. Message says on which message; Value is what the
// button carries, as Button finds it.
type Click struct {
	User    string
	Message Message
	Action  string
	Value   string
}

// Press sends a click to the gateway and waits until it is acknowledged.
func (s *Slack) Press(ctx context.Context, c Click) error {
	return s.Send(ctx, "interactive", map[string]any{
		"type": "block_actions", "team": map[string]any{"id": Team}, "user": map[string]any{"id": c.User, "team_id": Team},
		"channel":   map[string]any{"id": c.Message.ID},
		"container": map[string]any{"type": "message", "channel_id": c.Message.ID, "message_ts": c.Message.TS},
		"message":   map[string]any{"ts": c.Message.TS},
		"actions":   []any{map[string]any{"type": "button", "action_id": c.Action, "block_id": "b", "value": c.Value, "action_ts": "1"}},
	})
}

// Send sends an envelope of any kind, once a socket is open, and waits until it is
// acknowledged.
func (s *Slack) Send(ctx context.Context, kind string, payload any) error {
	s.await(ctx)
	s.mu.Lock()
	s.envelope++
	id, done := fmt.Sprintf("e-%d", s.envelope), make(chan struct{})
	s.acked[id] = done
	var err error
	for c := range s.sockets {
		err = c.WriteJSON(map[string]any{"envelope_id": id, "type": kind, "accepts_response_payload": false, "payload": payload})
		break
	}
	none := len(s.sockets) == 0
	s.mu.Unlock()
	if err != nil || none {
		return fmt.Errorf("no socket is open: %w", err)
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s is not acknowledged: %w", id, ctx.Err())
	}
}

// await waits until a socket is open, or ctx ends: a card may be posted before.
func (s *Slack) await(ctx context.Context) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		open := len(s.sockets) > 0
		s.mu.Unlock()
		if open {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Messages gives every message as it stands.
func (s *Slack) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.messages...)
}

// Wait waits until ok of the messages is true.
func (s *Slack) Wait(ctx context.Context, ok func([]Message) bool) ([]Message, error) {
	for {
		s.mu.Lock()
		changed, got := s.changed, append([]Message(nil), s.messages...)
		s.mu.Unlock()
		if ok(got) {
			return got, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return got, fmt.Errorf("%d messages: %+v: %w", len(got), got, ctx.Err())
		}
	}
}

// Opened waits until that many sockets have been opened in all.
func (s *Slack) Opened(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		changed, got := s.changed, s.opened
		s.mu.Unlock()
		if got >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d sockets, want %d: %w", got, n, ctx.Err())
		}
	}
}

// Down plays an outage: sockets break, and nothing answers until it is over.
func (s *Slack) Down(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down = down; down {
		s.breakAll()
	}
}

// Break ends every socket, as Slack does every few hours.
func (s *Slack) Break() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breakAll()
}

func (s *Slack) breakAll() {
	for c := range s.sockets {
		c.Close()
	}
}

// Limit has the next n messages answered with 429.
func (s *Slack) Limit(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limited = n
}

// Close breaks the sockets and waits for them.
func (s *Slack) Close() {
	s.Down(true)
	s.work.Wait()
}

// Button finds a button of a message, and what it carries.
func Button(m Message, action string) (value, url string, ok bool) {
	var blocks []struct {
		Elements []struct {
			ActionID string `json:"action_id"`
			Value    string `json:"value"`
			URL      string `json:"url"`
		} `json:"elements"`
	}
	if json.Unmarshal([]byte(m.Blocks), &blocks) != nil && !strings.Contains(m.Blocks, action) {
		return "", "", false
	}
	for _, b := range blocks {
		for _, e := range b.Elements {
			if e.ActionID == action {
				return e.Value, e.URL, true
			}
		}
	}
	return "", "", false
}
