package socket

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// maxPieces is how many datagrams every kernel cuts from one.
	maxPieces = 64
	// maxMerged is the longest datagram before it is cut, with the headers that
	// it would have.
	maxMerged = 65535 - 40 - 8
)

// A sender is the memory of one call of send.
type sender struct {
	f        *family
	msgs     [batchSize]message
	iovs     [batchSize]unix.Iovec
	controls [batchSize]control
	ends     [batchSize]int // of each message, the number of datagrams up to its end
	name     name

	ask  func(fd uintptr) bool // one system call, for f.raw
	used int                   // messages to send
	done int                   // messages sent
	err  unix.Errno
}

func newSender(f *family) *sender {
	s := &sender{f: f}
	for i := range s.msgs {
		s.msgs[i].Name, s.msgs[i].Control = (*byte)(unsafe.Pointer(&s.name)), &s.controls[i].bytes()[0]
	}
	s.ask = s.call
	return s
}

// A manner is how datagrams are sent: from where they were received, and merged
// for the kernel to cut.
type manner struct{ source, merge bool }

// send sends bufs in the best manner that works: an address of this host may have
// gone, a device may not cut, a path may be too narrow for pieces to be cut for.
func (f *family) send(bufs [][]byte, to *Endpoint) error {
	s, ok := f.senders.Get().(*sender)
	if !ok {
		s = newSender(f)
	}
	defer f.senders.Put(s)
	_, source := to.source()
	how := manner{source: source, merge: !f.single.Load()}
	for len(bufs) > 0 {
		n, err := s.send(bufs[:min(len(bufs), batchSize)], to, how)
		bufs = bufs[n:]
		switch {
		case err == nil:
		case how.merge && errors.Is(err, unix.EIO):
			f.single.Store(true)
			how.merge = false
		case how.source && isAny(err, unix.EINVAL, unix.EADDRNOTAVAIL, unix.ENETUNREACH, unix.EHOSTUNREACH, unix.ENODEV):
			to.ClearSrc()
			how.source = false
		case how.merge && isAny(err, unix.EINVAL, unix.EMSGSIZE):
			how.merge = false
		default:
			return err
		}
	}
	return nil
}

func isAny(err error, these ...error) bool {
	for _, e := range these {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// send sends bufs in one manner and tells how many of them have gone.
func (s *sender) send(bufs [][]byte, to *Endpoint, how manner) (int, error) {
	s.arrange(bufs, to, how)
	defer clear(s.iovs[:len(bufs)]) // they are wireguard-go's
	err := s.f.raw.Write(s.ask)
	if err == nil && s.err != 0 {
		err = fmt.Errorf("sendmmsg to %s: %w", to.there, s.err)
	}
	if s.done == 0 {
		return 0, err
	}
	return s.ends[s.done-1], err
}

// arrange makes messages of bufs, each of as many as the kernel can cut again.
func (s *sender) arrange(bufs [][]byte, to *Endpoint, how manner) {
	size := put(&s.name, to.there)
	here := to.here
	if !how.source {
		here = path{}.here
	}
	s.used, s.done, s.err = 0, 0, 0
	for at := 0; at < len(bufs); {
		n := 1
		if how.merge {
			n = run(bufs[at:])
		}
		m := &s.msgs[s.used]
		for i, b := range bufs[at : at+n] {
			s.iovs[at+i].Base = unsafe.SliceData(b)
			s.iovs[at+i].SetLen(len(b))
		}
		m.Iov, m.Namelen, m.Flags = &s.iovs[at], size, 0
		m.SetIovlen(n)
		piece := 0
		if n > 1 {
			piece = len(bufs[at])
		}
		m.SetControllen(compose(&s.controls[s.used], here, to.link, piece))
		at += n
		s.ends[s.used] = at
		s.used++
	}
}

// run is how many of bufs may go as one: of the same size, but the last.
func run(bufs [][]byte) int {
	piece, total := len(bufs[0]), 0
	for i, b := range bufs {
		total += len(b)
		if i == maxPieces || len(b) > piece || total > maxMerged || len(b) == 0 {
			return max(i, 1)
		}
		if len(b) < piece {
			return i + 1
		}
	}
	return len(bufs)
}

// call is the system call; false means that the socket has no room.
func (s *sender) call(fd uintptr) bool {
	for s.done < s.used {
		n, _, err := unix.RawSyscall6(unix.SYS_SENDMMSG, fd,
			uintptr(unsafe.Pointer(&s.msgs[s.done])), uintptr(s.used-s.done), unix.MSG_DONTWAIT, 0, 0)
		switch err {
		case 0:
			s.done += int(n)
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			s.err = err
			return true
		}
	}
	return true
}
