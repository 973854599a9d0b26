package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// pingEvery is how often the server pings; the library gives up after 30 s.
const pingEvery = 5 * time.Second

// A socket is one that the gateway has opened.
type socket struct {
	conn *websocket.Conn
	gone chan struct{} // closed when it has ended
}

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
	defer c.Close()
	s.mu.Lock()
	if s.down { // since then
		s.mu.Unlock()
		return
	}
	s.work.Add(1)
	defer s.work.Done()
	err = c.WriteJSON(map[string]any{"type": "hello", "num_connections": 1, "connection_info": map[string]any{"app_id": "A0LAB"}})
	here := &socket{conn: c, gone: make(chan struct{})}
	s.sockets = append(s.sockets, here)
	s.opened++
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	s.work.Go(func() { s.ping(c, here.gone) })
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
	s.mu.Lock()
	s.sockets = slices.DeleteFunc(s.sockets, func(o *socket) bool { return o == here })
	s.mu.Unlock()
	close(here.gone)
}

// ping keeps a socket alive until it is gone. A ping that has to wait breaks nothing.
func (s *Slack) ping(c *websocket.Conn, gone <-chan struct{}) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-gone:
			return
		case <-tick.C:
			c.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Minute)) //nolint:errcheck // the reader sees it
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
// acknowledged. One whose socket ends before that is sent again on the next, as Slack
// does it.
func (s *Slack) Send(ctx context.Context, kind string, payload any) error {
	s.mu.Lock()
	s.envelope++
	id, done := fmt.Sprintf("e-%d", s.envelope), make(chan struct{})
	s.acked[id] = done
	s.mu.Unlock()
	for {
		to := s.newest(ctx)
		if to == nil {
			return fmt.Errorf("no socket is open for %s: %w", id, ctx.Err())
		}
		s.mu.Lock()
		err := to.conn.WriteJSON(map[string]any{"envelope_id": id, "type": kind, "accepts_response_payload": false, "payload": payload})
		s.mu.Unlock()
		if err != nil {
			to.conn.Close()
		}
		select {
		case <-done:
			return nil
		case <-to.gone:
		case <-ctx.Done():
			return fmt.Errorf("%s is not acknowledged: %w", id, ctx.Err())
		}
	}
}

// newest waits for an open socket, as a card may be posted before there is one, and
// gives the last that was opened: an older one may have ended already without our
// knowing. It is nil when ctx ends first.
func (s *Slack) newest(ctx context.Context) *socket {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		n := len(s.sockets)
		var last *socket
		if n > 0 {
			last = s.sockets[n-1]
		}
		s.mu.Unlock()
		if last != nil {
			return last
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
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
	for _, c := range s.sockets {
		c.conn.Close()
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
