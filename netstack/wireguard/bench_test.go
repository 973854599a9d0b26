package wireguard

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/trial"
)

const bulk = 64 << 20

// sinkOrSource takes bytes on port 80 and gives bulk of them on port 81.
func sinkOrSource(_ context.Context, f netstack.Flow) error {
	c, err := f.Accept()
	if err != nil {
		return err
	}
	if f.Dst.Port() == 80 {
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 64<<10))
		fmt.Fprintln(c, n)
		return err
	}
	b := make([]byte, 64<<10)
	for left := bulk; left > 0; left -= len(b) {
		if _, err := c.Write(b); err != nil {
			return err
		}
	}
	return nil
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// transfer measures one direction, through ours and through the plain link. The
// CPU is that of both ends together, of which the agent's is the same for both.
func transfer(b *testing.B, port int, run func(*testing.B, net.Conn)) {
	b.Run("ours", func(b *testing.B) {
		l := newLab(b, trial.Handler(sinkOrSource))
		measure(b, l.agent("ci"), port, run)
		b.ReportMetric(float64(l.node.net.Stack.Stats().TCP.Retransmits.Value()), "retransmits")
	})
	b.Run("plain", func(b *testing.B) {
		measure(b, plainGateway(b, trial.Handler(sinkOrSource)), port, run)
	})
}

func measure(b *testing.B, c *Client, port int, run func(*testing.B, net.Conn)) {
	b.SetBytes(bulk)
	used := cpu()
	for b.Loop() {
		conn := dial(b, c, "tcp", fmt.Sprintf("1.2.3.4:%d", port))
		conn.SetDeadline(time.Time{})
		run(b, conn)
		conn.Close()
	}
	b.ReportMetric((cpu()-used).Seconds()/(float64(b.N)*bulk/1e9), "cpu-s/GB")
}

func BenchmarkUp(b *testing.B) {
	data := make([]byte, 64<<10)
	transfer(b, 80, func(b *testing.B, conn net.Conn) {
		for left := bulk; left > 0; left -= len(data) {
			if _, err := conn.Write(data); err != nil {
				b.Fatal(err)
			}
		}
		conn.(interface{ CloseWrite() error }).CloseWrite()
		if n, err := io.Copy(io.Discard, conn); err != nil || n == 0 {
			b.Fatal(n, err)
		}
	})
}

func BenchmarkDown(b *testing.B) {
	buf := make([]byte, 64<<10)
	transfer(b, 81, func(b *testing.B, conn net.Conn) {
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{conn}, buf)
		if n != bulk {
			b.Fatal(n, err)
		}
	})
}

func BenchmarkRoundTrip(b *testing.B) {
	l := newLab(b, trial.Handler(trial.Echo))
	c := l.agent("ci")
	conn := dial(b, c, "tcp", "1.2.3.4:80")
	conn.SetDeadline(time.Time{})
	trial.Line(b, conn)
	buf := make([]byte, 64)
	sent := l.node.net.Stack.Stats().IP.PacketsSent.Value()
	used := cpu()
	for b.Loop() {
		conn.Write(buf)
		io.ReadFull(conn, buf)
	}
	b.ReportMetric(float64((cpu()-used).Microseconds())/float64(b.N), "cpu-us/op")
	b.ReportMetric(float64(l.node.net.Stack.Stats().IP.PacketsSent.Value()-sent)/float64(b.N), "packets/op")
}

func BenchmarkConnect(b *testing.B) {
	l := newLab(b, trial.Handler(trial.Echo))
	c := l.agent("ci")
	used := cpu()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			conn, err := tryDial(c, "tcp", "1.2.3.4:80")
			if err != nil {
				b.Error(err)
				return
			}
			trial.Line(b, conn)
			conn.Close()
		}
	})
	b.ReportMetric(float64((cpu()-used).Microseconds())/float64(b.N), "cpu-us/op")
}

func BenchmarkDNS(b *testing.B) {
	l := newLab(b, trial.Handler(trial.Echo))
	c := l.agent("ci")
	conn := dial(b, c, "udp", "8.8.8.8:53")
	conn.SetDeadline(time.Time{})
	buf := make([]byte, 512)
	used := cpu()
	for b.Loop() {
		fmt.Fprint(conn, "question")
		if _, err := conn.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu()-used).Microseconds())/float64(b.N), "cpu-us/op")
}

// BenchmarkIdle tells what an idle connection holds, on both ends together.
func BenchmarkIdle(b *testing.B) {
	l := newLab(b, trial.Handler(func(_ context.Context, f netstack.Flow) error {
		c, err := f.Accept()
		if err != nil {
			return err
		}
		fmt.Fprintln(c, "hello")
		_, err = c.Read(make([]byte, 1))
		return err
	}), func(_ *Config, s *netstack.Server) { s.Limits.Flows = 1 << 20 })
	c := l.agent("ci")
	trial.Line(b, dial(b, c, "tcp", "1.2.3.4:80"))
	const conns = 1000
	for b.Loop() {
		before := inUse()
		for range conns {
			trial.Line(b, dial(b, c, "tcp", "1.2.3.4:80"))
		}
		b.ReportMetric(float64(inUse()-before)/conns, "B/conn")
	}
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
