// Package journal notes what is being done in a mapped file, so that no action
// that was begun goes without a record when the process dies. A note costs no
// system call, no allocation and no wait for the disk: it outlives kill -9 and a
// crash, but a loss of power only by luck; strict mode is for that. It holds what
// identifies an action, not its facts, and only until the record is kept.
package journal

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/record"
)

// ErrFull means that every slot is taken: wait for Freed.
var ErrFull = errors.New("the journal is full")

// ErrClosed means that the journal takes no more notes.
var ErrClosed = errors.New("the journal is closed")

// A Slot is the place of one note, owned by who began it until Free.
type Slot int32

// None is no slot: ending and freeing it does nothing.
const None Slot = -1

// A Journal is a fixed number of slots. All methods may be called from anywhere.
type Journal struct {
	file *file // nil: kept in memory only, and lost with the process
	sums *crc32.Table

	// open guards mem against being unmapped while somebody writes to it. Slots
	// are written outside of mu: a page that the kernel writes back may stall its
	// writer, and then it stalls no other.
	open sync.RWMutex
	mem  []byte // nil: closed; guarded by open

	mu      sync.Mutex
	free    []Slot        // the last is taken first, so that few pages are touched; guarded by mu
	next    uint64        // tells one use of a slot from another; guarded by mu
	missing uint64        // guarded by mu
	freed   chan struct{} // closed at the next Free; nil: nobody waits; guarded by mu
	old     []Slot        // left by an earlier process; guarded by mu
}

// Open opens the journal at path, or makes it with so many slots; "" is one in
// memory. It gives the records of what an earlier process began and did not see
// kept; their slots stay taken until Clear. A file that still holds some keeps
// its number of slots.
func Open(path string, slots int) (*Journal, []record.Record, error) {
	j := &Journal{sums: crc32.MakeTable(crc32.Castagnoli), next: uint64(time.Now().UnixNano())}
	if path == "" {
		j.mem = make([]byte, headerSize+slots*slotSize)
		j.fill()
		return j, nil, nil
	}
	found, err := j.load(path, slots)
	if err != nil {
		return nil, nil, fmt.Errorf("open journal %s: %w", path, err)
	}
	return j, found, nil
}

// load maps the file that is there, and makes a new one in its place if it holds
// nothing and is of another size.
func (j *Journal) load(path string, slots int) ([]record.Record, error) {
	size := int64(headerSize + slots*slotSize)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = makeFile(path, size)
	} else if err == nil && info.Size() < headerSize {
		err = makeFile(path, size) // its maker was killed
	}
	if err != nil {
		return nil, err
	}
	if err := j.mapFile(path); err != nil {
		return nil, err
	}
	found := j.fill()
	kept := int64(len(j.mem)) == size || len(found) > 0 || j.missing > 0
	if err := j.Close(); err != nil {
		return nil, err
	}
	if kept {
		return found, j.mapFile(path) // again: a start reads every page, and uses few
	}
	if err := errors.Join(makeFile(path, size), j.mapFile(path)); err != nil {
		return nil, err
	}
	return j.fill(), nil
}

func (j *Journal) mapFile(path string) (err error) {
	if j.file, j.mem, err = openFile(path); err != nil {
		return err
	}
	if head := j.mem[:len(magic)]; string(head) != magic && !bytes.Equal(head, make([]byte, len(magic))) { // zeros are left by a loss of power
		return errors.Join(errors.New("it is not a journal of this version: if it was left by a newer sallyport, start that one once"), j.Close())
	}
	return nil
}

// makeFile writes the file in full, so that the disk has room for it: a page
// that finds none later would be the end of the process. Its name comes last.
func makeFile(path string, size int64) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append([]byte(magic), make([]byte, size-int64(len(magic)))...))
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".new"))
	}
	return os.Rename(path+".new", path)
}

// fill sorts the slots into free ones and old ones.
func (j *Journal) fill() (found []record.Record) {
	j.free, j.old = nil, nil
	j.missing = readMissing(j.mem)
	for s := Slot((len(j.mem)-headerSize)/slotSize) - 1; s >= 0; s-- {
		if r, ok := decode(j.slot(s), j.sums); ok {
			found, j.old = append(found, r), append(j.old, s)
			continue
		}
		j.free = append(j.free, s)
	}
	return found
}

func (j *Journal) slot(s Slot) []byte {
	begin := headerSize + int(s)*slotSize
	return j.mem[begin : begin+slotSize : begin+slotSize]
}

// Begin notes a. It never waits: with every slot taken it fails with ErrFull.
func (j *Journal) Begin(a *action.Action, d action.Decision) (Slot, error) {
	j.mu.Lock()
	n := len(j.free) - 1
	if n < 0 {
		j.mu.Unlock()
		return None, ErrFull
	}
	s := j.free[n]
	j.free = j.free[:n]
	j.next++
	use := j.next
	j.mu.Unlock()
	err := j.write(s, func(b []byte) { encode(b, j.sums, use, a, d) })
	if err != nil {
		j.Free(s)
	}
	return s, err
}

// End notes how it ended. The slot stays taken.
func (j *Journal) End(s Slot, d action.Decision, res action.Result) error {
	if s == None {
		return nil
	}
	return j.write(s, func(b []byte) { encodeEnd(b, j.sums, d, res) })
}

// write changes a slot, which the caller owns.
func (j *Journal) write(s Slot, change func([]byte)) error {
	j.open.RLock()
	defer j.open.RUnlock()
	if j.mem == nil {
		return ErrClosed
	}
	b := j.slot(s)
	change(b)
	return j.file.keep(b, headerSize+int64(s)*slotSize)
}

// Free gives slots back whose records are kept.
func (j *Journal) Free(slots ...Slot) {
	for _, s := range slots {
		if s != None {
			_ = j.write(s, erase) // what stays is found to be kept already
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range slots {
		if s != None {
			j.free = append(j.free, s)
		}
	}
	if j.freed != nil {
		close(j.freed)
		j.freed = nil
	}
}

// Freed gives a channel that is closed at the next Free.
func (j *Journal) Freed() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.freed == nil {
		j.freed = make(chan struct{})
	}
	return j.freed
}

// Clear frees the slots that an earlier process left.
func (j *Journal) Clear() {
	j.mu.Lock()
	old := j.old
	j.old = nil
	j.mu.Unlock()
	j.Free(old...)
}

// Miss counts records that are lost for good, beyond the death of the process,
// until a gap record tells of them: then n is negative.
func (j *Journal) Miss(n int64) {
	j.open.RLock()
	defer j.open.RUnlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.missing += uint64(n)
	if j.mem != nil {
		writeMissing(j.mem, j.missing)
		_ = j.file.keep(j.mem[:headerSize], 0) // the count in memory stands
	}
}

// Missing gives the count of Miss.
func (j *Journal) Missing() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.missing
}

// Close unmaps the file. What is noted in it stays.
func (j *Journal) Close() error {
	j.open.Lock()
	defer j.open.Unlock()
	if j.mem == nil {
		return nil
	}
	mem := j.mem
	j.mem = nil
	return j.file.close(mem)
}
