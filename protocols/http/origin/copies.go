package origin

import "sync"

// CopySize is how much of a body is copied at once.
const CopySize = 32 << 10

// Copies lends the buffers through which bodies flow. Its zero value is ready.
type Copies struct{ pool sync.Pool }

// Take lends a buffer of any content.
func (c *Copies) Take() *[CopySize]byte {
	if b, ok := c.pool.Get().(*[CopySize]byte); ok {
		return b
	}
	return new([CopySize]byte)
}

// Give takes a buffer back.
func (c *Copies) Give(b *[CopySize]byte) { c.pool.Put(b) }
