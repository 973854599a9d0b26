package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// checkEvery is how often the free space is looked at.
const checkEvery = time.Second

// A reserve is room on the disk for what was accepted already. New actions are
// refused (in strict mode) while less than floor is free. What runs at that time
// still leaves records: when the disk is really full, the reserve file is given
// up for them. It is made again once there is room.
type reserve struct {
	path  string
	floor uint64
	size  uint64

	mu      sync.Mutex
	checked time.Time // guarded by mu
	low     error     // what the last check found; guarded by mu
}

func (r *reserve) init(path string, floor, size uint64) {
	r.path, r.floor, r.size = path, floor, size
}

// room says whether new actions may be begun.
func (r *reserve) room() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.checked) < checkEvery {
		return r.low
	}
	r.checked = time.Now()
	free, err := freeBytes(filepath.Dir(r.path))
	switch {
	case err != nil:
		r.low = fmt.Errorf("free space of %s: %w", filepath.Dir(r.path), err)
	case free < r.floor:
		r.low = fmt.Errorf("the disk of %s is nearly full: %d MiB are free, %d must be", filepath.Dir(r.path), free>>20, r.floor>>20)
	default:
		r.low = nil
		r.refillLocked(free)
	}
	return r.low
}

func (r *reserve) refill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if free, err := freeBytes(filepath.Dir(r.path)); err == nil {
		r.refillLocked(free)
	}
}

// refillLocked makes the file if that leaves the floor free.
func (r *reserve) refillLocked(free uint64) {
	if info, err := os.Stat(r.path); err == nil && uint64(info.Size()) == r.size || free < r.floor+r.size {
		return
	}
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return
	}
	_, err = f.Write(make([]byte, r.size)) // written, not only sized: it must take up room
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(r.path) //nolint:errcheck // there is no reserve then, and the next check tries again
	}
}

// spend gives the file up if the disk is full, and reports whether that made room.
func (r *reserve) spend() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	free, err := freeBytes(filepath.Dir(r.path))
	if err != nil || free >= r.size {
		return false
	}
	return os.Remove(r.path) == nil
}

// retry does what writes, and once more on the reserve if the disk is full.
func (r *reserve) retry(write func() error) error {
	err := write()
	if err != nil && r.spend() {
		return write()
	}
	return err
}
