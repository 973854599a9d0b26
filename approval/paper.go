package approval

import (
	"errors"
	"io"
	"slices"

	"sallyport.dev/sallyport/action"
)

// maxPaper bounds what is kept of one action, in bytes: a rule can be drafted from
// what nearly every action is, and ten thousand that wait must not take the memory.
const maxPaper = 4 << 10

// ErrGone means that what an ask is about cannot be read any more in full.
var ErrGone = errors.New("no longer here in full")

// write gives what is kept of an action; nil where that would be too much.
func (d *Desk) write(a *action.Action, dec action.Decision) []byte {
	if d.Paper == nil {
		return nil
	}
	paper := d.Paper(a, dec)
	if len(paper) > maxPaper {
		return nil
	}
	return slices.Clip(paper)
}

// Transcript writes all that an ask that waits would send. It fails with ErrGone
// after the answer, or when the gateway was started anew since.
func (d *Desk) Transcript(id string, w io.Writer) error {
	k := d.ask(id)
	if k == nil {
		return ErrUnknown
	}
	r := d.requestOf(k)
	if known, err := k.whole.Write(w); known {
		return err
	}
	if r.Hidden > 0 {
		return ErrGone
	}
	_, err := io.WriteString(w, r.Sample)
	return err
}

// Written gives what is kept of the action of an ask, see Desk.Paper.
func (d *Desk) Written(id string) (paper []byte, ok bool) {
	k := d.ask(id)
	if k == nil || len(k.paper) == 0 {
		return nil, false
	}
	return k.paper, true
}
