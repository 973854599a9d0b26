package tailnet

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"tailscale.com/ipn"
)

// saveTime bounds one write of the state.
const saveTime = 10 * time.Second

// A State keeps what makes the node the same after a restart: its keys. It must
// seal them. Load gives nil when there is none.
type State interface {
	Load() ([]byte, error)
	Save(ctx context.Context, state []byte) error
}

var _ ipn.StateStore = (*store)(nil)

// store is the library's key-value store, kept as one sealed value.
type store struct {
	state State

	mu   sync.Mutex
	keys map[string][]byte // guarded by mu; nothing is in it that is not saved
}

func newStore(state State) (*store, error) {
	s := &store{state: state, keys: make(map[string][]byte)}
	raw, err := state.Load()
	if err != nil {
		return nil, fmt.Errorf("state of the node: %w", err)
	}
	if raw == nil {
		return s, nil
	}
	if json.Unmarshal(raw, &s.keys) != nil { // the cause might quote a key
		return nil, fmt.Errorf("state of the node: %d bytes are no state", len(raw))
	}
	return s, nil
}

// hasIdentity reports whether the node has been in a tailnet before.
func (s *store) hasIdentity() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys[string(ipn.CurrentProfileStateKey)]) > 0
}

// ReadState gives one value.
func (s *store) ReadState(id ipn.StateKey) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.keys[string(id)]
	if !ok {
		return nil, ipn.ErrStateNotExist
	}
	return append([]byte(nil), v...), nil
}

// WriteState keeps one value, or forgets it; it is sealed on disk when WriteState
// returns.
func (s *store) WriteState(id ipn.StateKey, v []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := maps.Clone(s.keys)
	if v == nil {
		delete(next, string(id))
	} else {
		next[string(id)] = append([]byte(nil), v...)
	}
	raw, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("state of the node: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), saveTime)
	defer cancel()
	if err := s.state.Save(ctx, raw); err != nil {
		return fmt.Errorf("state of the node: %w", err)
	}
	s.keys = next
	return nil
}
