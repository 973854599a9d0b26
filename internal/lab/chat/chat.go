// Package chat is a Slack for tests: the few calls of the Web API that the gateway
// makes, and the server's end of Socket Mode, with people who press buttons. It
// keeps every message as it stands and as it was, and plays outages.
package chat

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// The tokens that the workspace knows, its id and its bot.
const (
	AppToken = "xapp-1-lab"
	BotToken = "xoxb-lab"
	Team     = "T0LAB"
	Bot      = "U0BOT"
)

// A User is what users.info tells of somebody; zero fields are the ordinary ones.
type User struct {
	ID          string
	Email       string
	Unconfirmed bool
	Bot         bool
	Deleted     bool
	Stranger    bool
	Team        string // "": Team
}

// A Message is one that was posted, as it stands now.
type Message struct {
	Channel string // as it was asked for
	ID, TS  string
	Text    string
	Blocks  string // JSON
	Edits   int
	To      string // of an ephemeral one: who sees it
}

// A Slack is one workspace. It is an http.Handler for the Web API below /api/ and
// for the sockets. New makes one; Close ends its sockets.
type Slack struct {
	mux  *http.ServeMux
	work sync.WaitGroup

	mu       sync.Mutex
	users    map[string]User
	messages []Message
	sockets  []*socket // open ones, oldest first
	acked    map[string]chan struct{}
	opened   int
	envelope int
	down     bool
	limited  int // calls that are still answered with 429
	changed  chan struct{}
}

// New makes a workspace with these people.
func New(users ...User) *Slack {
	s := &Slack{
		mux: http.NewServeMux(), users: make(map[string]User),
		acked: make(map[string]chan struct{}), changed: make(chan struct{}),
	}
	for _, u := range users {
		s.users[u.ID] = u
	}
	s.mux.HandleFunc("/link", s.link)
	s.call("auth.test", BotToken, func(*http.Request) any {
		return map[string]any{"team_id": Team, "user_id": Bot, "team": "lab", "user": "sallyport"}
	})
	s.call("apps.connections.open", AppToken, func(r *http.Request) any {
		scheme := "ws"
		if r.TLS != nil {
			scheme = "wss"
		}
		return map[string]any{"url": scheme + "://" + r.Host + "/link"}
	})
	s.call("users.info", BotToken, s.info)
	s.call("chat.postMessage", BotToken, s.post)
	s.call("chat.update", BotToken, s.update)
	s.call("chat.postEphemeral", BotToken, s.whisper)
	return s
}

func (s *Slack) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// call answers one method of the Web API to whoever has its token.
func (s *Slack) call(method, token string, do func(*http.Request) any) {
	s.mux.HandleFunc("/api/"+method, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.down {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		if s.limited > 0 && strings.HasPrefix(method, "chat.") {
			s.limited--
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		sent := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if sent == "" {
			sent = r.FormValue("token")
		}
		got, ok := do(r).(map[string]any)
		switch {
		case sent != token:
			got = map[string]any{"ok": false, "error": "invalid_auth"}
		case ok && got["error"] == nil:
			got["ok"] = true
		}
		json.NewEncoder(w).Encode(got) //nolint:errcheck // the gateway reads or not
		close(s.changed)
		s.changed = make(chan struct{})
	})
}

func fails(why string) map[string]any { return map[string]any{"ok": false, "error": why} }

func (s *Slack) info(r *http.Request) any {
	u, ok := s.users[r.FormValue("user")]
	if !ok {
		return fails("user_not_found")
	}
	team := u.Team
	if team == "" {
		team = Team
	}
	return map[string]any{"user": map[string]any{
		"id": u.ID, "team_id": team, "deleted": u.Deleted, "is_bot": u.Bot, "is_stranger": u.Stranger,
		"is_email_confirmed": !u.Unconfirmed, "profile": map[string]any{"email": u.Email},
	}}
}

func (s *Slack) post(r *http.Request) any {
	channel := r.FormValue("channel")
	if channel == "#nowhere" {
		return fails("channel_not_found")
	}
	m := Message{Channel: channel, ID: "C" + strings.ToUpper(strings.Trim(channel, "#")), TS: fmt.Sprintf("1700000000.%06d", len(s.messages)+1)}
	m.Text, m.Blocks = r.FormValue("text"), r.FormValue("blocks")
	s.messages = append(s.messages, m)
	return map[string]any{"channel": m.ID, "ts": m.TS}
}

func (s *Slack) update(r *http.Request) any {
	for i := range s.messages {
		if m := &s.messages[i]; m.ID == r.FormValue("channel") && m.TS == r.FormValue("ts") {
			m.Text, m.Blocks, m.Edits = r.FormValue("text"), r.FormValue("blocks"), m.Edits+1
			return map[string]any{"channel": m.ID, "ts": m.TS}
		}
	}
	return fails("message_not_found")
}

func (s *Slack) whisper(r *http.Request) any {
	s.messages = append(s.messages, Message{ID: r.FormValue("channel"), To: r.FormValue("user"), Text: r.FormValue("text"), Blocks: r.FormValue("blocks")})
	return map[string]any{"message_ts": "1"}
}
