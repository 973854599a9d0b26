package action

import "io"

// A Transcript is all that an action would send as a person reads it, like its Sample
// but with nothing left out for its length. It may be written several times at once.
type Transcript interface {
	// WriteTo writes it; it fails where what it tells of is gone.
	WriteTo(w io.Writer) (int64, error)
	// Keep has it last beyond the end of its exchange, until release is called. ok is
	// false where there is no room for that.
	Keep() (release func(), ok bool)
}
