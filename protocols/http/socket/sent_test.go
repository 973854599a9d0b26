package socket

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

// masked is one frame as a client writes it.
func masked(first byte, payload string) string {
	f := []byte(framed(first, payload))
	head := len(f) - len(payload)
	mask := []byte{0xa1, 0x02, 0xf3, 0x44}
	f[1] |= 0x80
	for i := range payload {
		f[head+i] ^= mask[i%maskLen]
	}
	return string(f[:head]) + string(mask) + string(f[head:])
}

// shown reads src to its end, and gives what was shown: messages and control frames,
// each as they were sent.
func shown(src io.Reader) (got string, messages, controls []string, err error) {
	var message, control strings.Builder
	r := newSender(src, func(p Piece) {
		b, list := &message, &messages
		if p.Control {
			b, list = &control, &controls
		}
		if b.Write(p.Bytes); p.End {
			*list = append(*list, b.String())
			b.Reset()
		}
	})
	all, err := io.ReadAll(r)
	return string(all), messages, controls, err
}

// What an agent sends passes as it is, and what it means is seen, however it is cut.
func TestWhatAnAgentSendsIsSeen(t *testing.T) {
	long := strings.Repeat("0123456789", 7000)
	sent := masked(text, "hello") +
		masked(begun, "one ") + masked(ping, "still there?") + masked(middle, "") + masked(middle, "and ") + masked(last, "two") +
		masked(bytes2, "\x00\xff") + masked(text, "") + masked(text, strings.Repeat("x", 300)) + masked(begun, long) + masked(last, long) + masked(bye, "\x03\xe8")
	want := []string{"hello", "one and two", "\x00\xff", "", strings.Repeat("x", 300), long + long}
	for i, src := range []io.Reader{strings.NewReader(sent), iotest.OneByteReader(strings.NewReader(sent)), iotest.HalfReader(strings.NewReader(sent)), iotest.DataErrReader(strings.NewReader(sent))} {
		got, messages, controls, err := shown(src)
		if err != nil || got != sent {
			t.Errorf("%d: %d bytes of %d, %v", i, len(got), len(sent), err)
		}
		if fmt.Sprintf("%q", messages) != fmt.Sprintf("%q", want) || fmt.Sprintf("%q", controls) != `["still there?" "\x03\xe8"]` {
			t.Errorf("%d: messages %.300q, controls %q", i, messages, controls)
		}
	}
}

// What an agent sends that is no frame goes nowhere: it could not be looked at.
func TestWhatIsNoFrameOfAnAgent(t *testing.T) {
	for name, bad := range map[string]string{
		"compressed":           masked(text|0x40, "x"),
		"without a mask":       framed(text, "x"),
		"operation 3":          masked(0x83, "x"),
		"a ping in pieces":     masked(0x09, "x"),
		"16 bits for a little": "\x81\xfe\x00\x01abcdx",
		"another protocol":     "GET / HTTP/1.1\r\n\r\n",
	} {
		for _, src := range []io.Reader{strings.NewReader(masked(text, "fine") + bad), iotest.OneByteReader(strings.NewReader(masked(text, "fine") + bad))} {
			got, messages, _, err := shown(src)
			// A byte that came alone had no head to be judged by.
			if !errors.Is(err, ErrFrame) || !strings.HasPrefix(got, masked(text, "fine")) || len(got) >= len(masked(text, "fine")+bad) || len(messages) != 1 {
				t.Errorf("%s: %q, %q, %v", name, got, messages, err)
			}
		}
	}
}

// A frame is given on as soon as its bytes are there.
func TestNothingOfAnAgentWaits(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	c := Sent(far, func(Piece) {})
	buf := make([]byte, 100)
	for _, payload := range []string{"plain", "", "s"} {
		f := masked(text, payload)
		for i := range f {
			go near.Write([]byte{f[i]}) //nolint:errcheck // the reader waits for it
			if n, err := c.Read(buf); n != 1 || err != nil || buf[0] != f[i] {
				t.Fatalf("%q: %d bytes, %v", payload, n, err)
			}
		}
	}
}

// A read whose time is over is tried again, wherever in a frame it stopped, and nothing
// that is held back is given out for it.
func TestATimeoutEndsNothing(t *testing.T) {
	for name, side := range map[string]struct {
		over func(net.Conn) net.Conn
		sent string
		want string
	}{
		"an agent":           {func(c net.Conn) net.Conn { return Sent(c, func(Piece) {}) }, masked(text, "hello"), masked(text, "hello")},
		"an origin":          {func(c net.Conn) net.Conn { return Received(c, func(Piece) {}) }, framed(text, "hello"), framed(text, "hello")},
		"an origin's secret": {func(c net.Conn) net.Conn { return Conn(c, finder()) }, framed(text, "a "+secret+" b"), framed(text, "a "+strings.Repeat("*", len(secret))+" b")},
	} {
		c, got := side.over(&halting{b: []byte(side.sent)}), []byte(nil)
		var err error
		for i := 0; !errors.Is(err, io.EOF) && i < 1000; i++ {
			buf := make([]byte, 100)
			var n int
			n, err = c.Read(buf)
			got = append(got, buf[:n]...)
		}
		if string(got) != side.want || !errors.Is(err, io.EOF) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, side.want)
		}
	}
}

// halting gives b byte by byte; before each the time is over once.
type halting struct {
	net.Conn
	b    []byte
	over bool
}

func (h *halting) Read(p []byte) (int, error) {
	if h.over = !h.over; h.over {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(p[:1], h.b)
	if h.b = h.b[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// FuzzSent holds that what passes is what came, and that the way in which it came makes
// no difference to what is seen.
func FuzzSent(f *testing.F) {
	f.Add([]byte(masked(text, "it is")), uint8(3))
	f.Add([]byte(masked(begun, "a")+masked(ping, "b")+masked(last, "c")), uint8(1))
	f.Add([]byte(masked(text, strings.Repeat("x", 1<<16))), uint8(200))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		got, messages, controls, _ := shown(bytes.NewReader(b))
		if !strings.HasPrefix(string(b), got) {
			t.Fatalf("%q becomes %q", b, got)
		}
		_, again, others, _ := shown(&pieces{b, int(size) + 1})
		if fmt.Sprint(messages, controls) != fmt.Sprint(again, others) {
			t.Fatalf("%q is %q and %q, or %q and %q", b, messages, controls, again, others)
		}
	})
}

// pieces reads b by so many bytes.
type pieces struct {
	b    []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.size)], p.b)
	p.b = p.b[n:]
	return n, nil
}

func BenchmarkSent(b *testing.B) {
	for name, f := range map[string]string{"small": masked(text, "hello, how are you?"), "large": masked(text, strings.Repeat("x", 16<<10))} {
		data := []byte(strings.Repeat(f, 64<<10/len(f)))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			src := bytes.NewReader(nil)
			r, buf := newSender(src, func(Piece) {}), make([]byte, 64<<10)
			for b.Loop() {
				src.Reset(data)
				r.err = nil
				for {
					if _, err := r.Read(buf); err != nil {
						break
					}
				}
			}
		})
	}
}
