package roles

import (
	"context"
	"encoding/json"

	"sallyport.dev/sallyport/internal/bench/reference"
)

// ForwardReady is the configuration of a reference's agent.
type ForwardReady struct{ Config string }

// serveForward is bare, proxy or pgb, as its options say.
func serveForward(_ context.Context, config []byte) (any, error) {
	var o reference.Options
	if err := json.Unmarshal(config, &o); err != nil {
		return nil, err
	}
	f, err := reference.Start(o)
	if err != nil {
		return nil, err
	}
	return ForwardReady{Config: f.Config}, nil
}
