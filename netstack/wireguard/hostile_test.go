package wireguard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/pulse"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/trial"
	"sallyport.dev/sallyport/netstack/tun"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	wgtun "golang.zx2c4.com/wireguard/tun"
)

// raw is a client without a stack: it sends and gets packets as they are.
type raw struct {
	out, in chan []byte
	events  chan wgtun.Event
	done    chan struct{}
	device  *device.Device
	addr    netip.Addr
}

func (r *raw) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	select {
	case b := <-r.out:
		sizes[0] = copy(bufs[0][offset:], b)
		return 1, nil
	case <-r.done:
		return 0, os.ErrClosed
	}
}

func (r *raw) Write(bufs [][]byte, offset int) (int, error) {
	for _, b := range bufs {
		select {
		case r.in <- append([]byte(nil), b[offset:]...):
		default:
		}
	}
	return len(bufs), nil
}

func (r *raw) File() *os.File             { return nil }
func (r *raw) MTU() (int, error)          { return tun.DefaultMTU, nil }
func (r *raw) Name() (string, error)      { return "raw", nil }
func (r *raw) Events() <-chan wgtun.Event { return r.events }
func (r *raw) BatchSize() int             { return 1 }
func (r *raw) Close() error {
	close(r.done)
	close(r.events)
	return nil
}

// raw enrols an agent that speaks in packets.
func (l *lab) raw(name string) *raw {
	l.t.Helper()
	r := l.rawOver(name, conn.NewStdNetBind())
	l.t.Cleanup(r.device.Close)
	return r
}

// rawOver is raw over a bind of its own. Close its device.
func (l *lab) rawOver(name string, bind conn.Bind) *raw {
	l.t.Helper()
	s, err := ParseConfig(l.enrol(name))
	if err != nil {
		l.t.Fatal(err)
	}
	r := &raw{
		out: make(chan []byte), in: make(chan []byte, 1024), events: make(chan wgtun.Event, 1),
		done: make(chan struct{}), addr: s.Addresses[0].Addr(),
	}
	r.device = device.NewDevice(r, bind, device.NewLogger(device.LogLevelSilent, ""))
	uapi := fmt.Sprintf("private_key=%s\npublic_key=%s\nendpoint=%s\nallowed_ip=0.0.0.0/0\nallowed_ip=::/0\n",
		hexKey(s.PrivateKey), hexKey(s.PublicKey), s.Endpoint)
	if err := errors.Join(r.device.IpcSet(uapi), r.device.Up()); err != nil {
		l.t.Fatal(err)
	}
	return r
}

// packet4 is an IPv4 packet of this agent.
func (r *raw) packet4(dst string, proto byte, payload []byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(b[2:], uint16(cap(b)))
	copy(b[12:], r.addr.AsSlice())
	copy(b[16:], netip.MustParseAddr(dst).AsSlice())
	return append(b, payload...)
}

// segment is a TCP segment without options; the sum is not checked.
func segment(from, to uint16, seq, ack uint32, flags byte, window uint16, payload string) []byte {
	t := make([]byte, 20, 20+len(payload))
	binary.BigEndian.PutUint16(t, from)
	binary.BigEndian.PutUint16(t[2:], to)
	binary.BigEndian.PutUint32(t[4:], seq)
	binary.BigEndian.PutUint32(t[8:], ack)
	t[12], t[13] = 5<<4, flags
	binary.BigEndian.PutUint16(t[14:], window)
	return append(t, payload...)
}

const (
	fin, syn, rst, psh, ack = 0x01, 0x02, 0x04, 0x08, 0x10
)

// expect waits for a packet that ok likes and gives its transport part.
func (r *raw) expect(t testing.TB, within time.Duration, ok func(proto byte, b []byte) bool) []byte {
	t.Helper()
	for timeout := time.After(within); ; {
		select {
		case b := <-r.in:
			if b[0]>>4 == 4 && ok(b[9], b[20:]) {
				return b[20:]
			}
		case <-timeout:
			return nil
		}
	}
}

func isFlags(want byte) func(byte, []byte) bool {
	return func(proto byte, b []byte) bool { return proto == 6 && b[13]&(fin|syn|rst|ack) == want }
}

// open does the handshake and gives the gateway's first number.
func (r *raw) open(t testing.TB, dst string, port uint16, window uint16) uint32 {
	t.Helper()
	r.out <- r.packet4(dst, 6, segment(port, 80, 1000, 0, syn, window, ""))
	answer := r.expect(t, trial.Patience, isFlags(syn|ack))
	if answer == nil {
		t.Fatal("no SYN-ACK")
	}
	theirs := binary.BigEndian.Uint32(answer[4:]) + 1
	r.out <- r.packet4(dst, 6, segment(port, 80, 1001, theirs, ack, window, ""))
	return theirs
}

func TestT11_FragmentsNeverReachTheStack(t *testing.T) {
	l := newLab(t, trial.Handler(func(context.Context, netstack.Flow) error {
		t.Error("a fragment opened a flow")
		return nil
	}))
	r := l.raw("ci")
	whole := segment(5000, 80, 1, 0, syn, 1000, "")
	first := r.packet4("1.2.3.4", 6, whole[:8])
	first[6] = 0x20 // more fragments
	last := r.packet4("1.2.3.4", 6, whole[8:])
	last[7] = 1 // at offset 8
	options := append(r.packet4("1.2.3.4", 6, nil), 1, 1, 1, 1)
	options[0] = 0x46
	options = append(options, whole...)
	binary.BigEndian.PutUint16(options[2:], uint16(len(options)))
	before := l.node.net.Device.Dropped()
	for _, b := range [][]byte{first, last, options} {
		r.out <- b
	}
	trial.Eventually(t, trial.Patience, "three packets are dropped", func() bool {
		return l.node.net.Device.Dropped() == before+3
	})
	if r.expect(t, 50*time.Millisecond, func(byte, []byte) bool { return true }) != nil {
		t.Error("a fragment was answered")
	}
}

// What was read first stays: a retransmission with other bytes changes nothing.
func TestT11_OverlappingSegments(t *testing.T) {
	read := make(chan string, 1)
	l := newLab(t, trial.Handler(func(_ context.Context, f netstack.Flow) error {
		c, err := f.Accept()
		if err != nil {
			return err
		}
		b, err := io.ReadAll(c)
		read <- string(b)
		return err
	}))
	r := l.raw("ci")
	theirs := r.open(t, "1.2.3.4", 5000, 60000)
	send := func(seq uint32, flags byte, data string) {
		r.out <- r.packet4("1.2.3.4", 6, segment(5000, 80, seq, theirs, flags, 60000, data))
	}
	send(1001, ack|psh, "GET /public")
	r.expect(t, time.Second, isFlags(ack))
	send(1001, ack|psh, "GET /secret")
	send(1005, ack|psh, "/secret HTTP")
	send(1017, ack|fin, "")
	select {
	case got := <-read:
		if !strings.HasPrefix(got, "GET /public") || strings.Contains(got, "secret") {
			t.Errorf("the handler read %q", got)
		}
	case <-time.After(trial.Patience):
		t.Fatal("the handler read nothing")
	}
}

// A window of nothing holds no more than the agent's own flow, and a cut ends it.
func TestT11_ZeroWindow(t *testing.T) {
	ended := make(chan error, 1)
	l := newLab(t, trial.Handler(func(_ context.Context, f netstack.Flow) error {
		c, err := f.Accept()
		if err != nil {
			return err
		}
		_, err = c.Write(make([]byte, 64<<20))
		ended <- err
		return nil
	}))
	r := l.raw("ci")
	r.open(t, "1.2.3.4", 5000, 0)
	line := l.agent("other")
	if conn, err := tryDial(line, "tcp", "1.2.3.4:80"); err != nil {
		t.Errorf("another agent: %v", err)
	} else {
		conn.Close()
	}
	<-ended // the other agent's
	if err := l.roster.Remove(t.Context(), "ci"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("64 MiB went into a window of nothing")
		}
	case <-time.After(trial.Patience):
		t.Error("the flow outlived its agent")
	}
}

// SYNs without a handshake cost the agent its own flows only, and not for long.
func TestT10_SYNFlood(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo), func(_ *Config, s *netstack.Server) { s.Limits.Pending = 8 })
	r, other := l.raw("flood"), l.agent("other")
	trial.Line(t, dial(t, other, "tcp", "1.2.3.4:80"))
	for i := range 500 {
		r.out <- r.packet4("1.2.3.4", 6, segment(uint16(1000+i), 80, 1, 0, syn, 1000, ""))
	}
	clock := pulse.Start()
	defer clock.Stop()
	begin := time.Now()
	trial.Line(t, dial(t, other, "tcp", "1.2.3.4:80"))
	if took := clock.Since(begin); took > time.Second {
		t.Errorf("another agent waited %v", took)
	}
	if r.expect(t, trial.Patience, isFlags(rst|ack)) == nil {
		t.Error("the flood was not refused")
	}
	if n := len(l.node.net.Stack.RegisteredEndpoints()); n > 8+2 {
		t.Errorf("the flood holds %d endpoints", n)
	}
}

// silent is a Bind that keeps what is sent to itself.
type silent struct {
	conn.Bind
	sent chan []byte
}

func (s silent) Send(bufs [][]byte, _ conn.Endpoint) error {
	for _, b := range bufs {
		select {
		case s.sent <- append([]byte(nil), b...):
		default:
		}
	}
	return nil
}

// initiation is the first message of a handshake of a new agent, which the
// gateway has not seen.
func (l *lab) initiation(name string) []byte {
	l.t.Helper()
	s := silent{conn.NewStdNetBind(), make(chan []byte, 1)}
	r := l.rawOver(name, s)
	defer r.device.Close()
	r.out <- r.packet4("1.2.3.4", 6, segment(1, 80, 1, 0, syn, 1000, ""))
	return <-s.sent
}

// Handshakes of many agents, thousands a second, keep nobody from talking, nor a
// new agent from beginning to.
func TestT10_HandshakeFlood(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo))
	conn := dial(t, l.agent("other"), "tcp", "1.2.3.4:80")
	trial.Line(t, conn)
	var flood sync.WaitGroup
	stop, sent := make(chan struct{}), new(atomic.Int64)
	for i := range 16 {
		first := l.initiation(fmt.Sprintf("flood%d", i))
		flood.Go(func() {
			out, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", l.node.Port()))
			if err != nil {
				t.Error(err)
				return
			}
			defer out.Close()
			for pace := time.NewTicker(time.Millisecond); ; {
				select {
				case <-pace.C:
				case <-stop:
					return
				}
				out.Write(first) //nolint:errcheck // a full queue is what it is about
				sent.Add(1)
			}
		})
	}
	defer flood.Wait()
	defer close(stop)
	trial.Eventually(t, trial.Patience, "thousands of handshakes are begun", func() bool { return sent.Load() > 5000 })
	clock := pulse.Start()
	defer clock.Stop()
	begin := time.Now()
	for range 20 {
		if _, err := conn.Write([]byte("hello\n")); err != nil {
			t.Fatal(err)
		}
		trial.Line(t, conn)
	}
	if took := clock.Since(begin); took > 5*time.Second {
		t.Errorf("20 lines of another agent took %v", took)
	}
	trial.Line(t, dial(t, l.agent("late"), "tcp", "1.2.3.4:80"))
	t.Logf("among %d handshakes", sent.Load())
}

// A SYN on a connection that lives waits for the end of it, which does not come:
// many of them must not keep others from being heard.
func TestT10_SYNsOnALiveConnectionStallNobody(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo))
	r, other := l.raw("flood"), l.agent("other")
	conn := dial(t, other, "tcp", "1.2.3.4:80")
	trial.Line(t, conn)
	r.open(t, "1.2.3.4", 4000, 60000)
	packet := r.packet4("1.2.3.4", 6, segment(4000, 80, 77, 0, syn, 60000, ""))
	for range 3000 {
		r.out <- packet
	}
	clock := pulse.Start()
	defer clock.Stop()
	begin := time.Now()
	for range 20 {
		if _, err := conn.Write([]byte("hello\n")); err != nil {
			t.Fatal(err)
		}
		trial.Line(t, conn)
	}
	if took := clock.Since(begin); took > 2*time.Second {
		t.Errorf("another agent's 20 lines took %v", took)
	}
}

func TestICMPEchoIsForTheGatewayOnly(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo))
	r := l.raw("ci")
	ping := []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}
	isReply := func(proto byte, b []byte) bool { return proto == 1 && b[0] == 0 }
	r.out <- r.packet4("10.77.0.1", 1, ping)
	if r.expect(t, trial.Patience, isReply) == nil {
		t.Error("the gateway does not answer")
	}
	r.out <- r.packet4("8.8.8.8", 1, ping)
	r.out <- r.packet4("10.77.0.3", 1, ping)
	if r.expect(t, 100*time.Millisecond, isReply) != nil {
		t.Error("the gateway answers for others")
	}
}

// An ICMP error that quotes another agent's connection must not touch it.
func TestT08_ForgedICMPErrors(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo))
	victim, r := l.agent("victim"), l.raw("ci")
	conn, err := victim.DialFrom(t.Context(), 40000, netip.MustParseAddrPort("1.2.3.4:80"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * trial.Patience))
	trial.Line(t, conn)
	quoted := (&raw{addr: netip.MustParseAddr("1.2.3.4")}).packet4(victim.Addr().String(), 6, segment(80, 40000, 0, 0, ack, 0, ""))
	before := l.node.net.Device.Dropped()
	for _, code := range []byte{0, 1, 2, 3, 4, 13} {
		r.out <- r.packet4("1.2.3.4", 1, append([]byte{3, code, 0, 0, 0, 0, 0, 68}, quoted...))
	}
	trial.Eventually(t, trial.Patience, "the errors are dropped", func() bool { return l.node.net.Device.Dropped() == before+6 })
	fmt.Fprint(conn, "alive\n")
	if got := trial.Line(t, conn); got != "alive" {
		t.Errorf("echo %q", got)
	}
}

// The answer to an agent that still talks when we hang up reaches it.
func TestLastWordsReachATalkingAgent(t *testing.T) {
	l := newLab(t, trial.Handler(func(_ context.Context, f netstack.Flow) error {
		c, err := f.Accept()
		if err != nil {
			return err
		}
		c.Read(make([]byte, 1))
		fmt.Fprint(c, "413 too much")
		return nil
	}))
	c := l.agent("ci")
	clock := pulse.Start()
	defer clock.Stop()
	for range 20 {
		begin := time.Now()
		conn := dial(t, c, "tcp", "1.2.3.4:80")
		conn.Write(make([]byte, 100<<10))
		got, err := io.ReadAll(conn)
		if err == nil && string(got) == "413 too much" {
			return
		}
		// The gateway listens on for a second, and does not when it stands still.
		if still := time.Since(begin) - clock.Since(begin); still < time.Second/2 {
			t.Fatalf("read %q, %v", got, err)
		}
	}
	t.Error("the machine always stood still")
}

func TestPortIsUsedAgainAfterAReset(t *testing.T) {
	l := newLab(t, trial.Handler(trial.Echo))
	c := l.agent("ci")
	for i := range 50 {
		// While the stack still holds the old connection it passes over the new SYN,
		// and takes the one that is repeated after a second.
		ctx, cancel := context.WithTimeout(context.Background(), trial.Patience)
		conn, err := c.DialFrom(ctx, 40000, netip.MustParseAddrPort("1.2.3.4:80"))
		cancel()
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conn.(*tun.Conn).Abort()
	}
}
