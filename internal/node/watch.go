package node

import (
	"context"
	"time"

	"sallyport.dev/sallyport/internal/node/files"
)

// watchEvery is how often the configuration's files are looked at.
const watchEvery = 500 * time.Millisecond

// watch reads the configuration again when a file of it has changed, or when
// asked to. On any error the rules in force stay. It also has open connections
// judged again when an hour or an end that the rules name has come.
func (b *Rulebook) watch(ctx context.Context) error {
	seen := files.Settling{Taken: b.first}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	turn := b.Current().NextChange(time.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.o.Reload:
			seen.Taken = ""
		case now := <-tick.C:
			if !turn.IsZero() && now.After(turn) {
				b.changed()
				turn = b.Current().NextChange(now)
			}
		}
		if b.look(ctx, &seen) {
			turn = b.Current().NextChange(time.Now())
			if _, bad := b.standing(); bad == "" {
				b.noticed(ctx)
			}
		}
	}
}

// look reads the configuration again if it has changed and rests.
func (b *Rulebook) look(ctx context.Context, seen *files.Settling) bool {
	if !seen.Changed(b.files.Print()) {
		return false
	}
	b.Reload(ctx)
	return true
}
