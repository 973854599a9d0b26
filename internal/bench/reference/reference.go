package reference

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/netstack/wireguard"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	inFlight   = 8192
	copyBuffer = 64 << 10
	dialTime   = 10 * time.Second
)

// Options of a forwarder.
type Options struct {
	Ports map[uint16]string // where the flows to a port go, whatever their address
	Proxy *Proxy            // ends TLS on port 443; nil: everything is copied
}

// A Forwarder is a running reference.
type Forwarder struct {
	Config string // wg-quick configuration of its one agent

	ports  map[uint16]string
	proxy  *proxy
	device *device.Device
	link   *link
}

// Start brings a forwarder up on a free port of loopback.
func Start(o Options) (*Forwarder, error) {
	f := &Forwarder{ports: o.Ports}
	if o.Proxy != nil {
		p, err := startProxy(*o.Proxy)
		if err != nil {
			return nil, fmt.Errorf("reference: %w", err)
		}
		f.proxy = p
	}
	own, client := netip.MustParseAddr("10.66.0.1"), netip.MustParseAddr("10.66.0.2")
	l, err := newLink(own)
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	forwarder := tcp.NewForwarder(l.stack, 0, inFlight, f.serve)
	l.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, forwarder.HandlePacket)
	f.link = l
	f.device = device.NewDevice(l, conn.NewStdNetBind(), device.NewLogger(device.LogLevelSilent, ""))
	if err := f.up(client); err != nil {
		f.Close()
		return nil, fmt.Errorf("reference: %w", err)
	}
	return f, nil
}

// Close takes the tunnel down. Connections of a proxy end with the process.
func (f *Forwarder) Close() {
	f.device.Close()
	f.link.stack.Destroy()
}

// up gives the device its keys, and its agent a configuration.
func (f *Forwarder) up(client netip.Addr) error {
	private, public, err := netstack.NewKey()
	if err != nil {
		return err
	}
	clientPrivate, clientPublic, err := netstack.NewKey()
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	err = f.device.IpcSet(fmt.Sprintf("private_key=%s\nlisten_port=%d\npublic_key=%s\nallowed_ip=%s/32\n",
		unbase(private), port, unbase(clientPublic), client))
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	f.Config = wireguard.ClientConfig(wireguard.Settings{
		PrivateKey: clientPrivate, Addresses: []netip.Prefix{netip.PrefixFrom(client, 32)}, MTU: mtu,
		PublicKey: public, Endpoint: fmt.Sprintf("127.0.0.1:%d", port),
		AllowedIPs: []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)},
	})
	return f.device.Up()
}

func unbase(key string) string {
	b, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(b)
}

func freePort() (int, error) {
	c, err := net.ListenUDP("udp", &net.UDPAddr{})
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port, nil
}

// serve takes one flow; gVisor calls it in a goroutine of its own.
func (f *Forwarder) serve(r *tcp.ForwarderRequest) {
	port := r.ID().LocalPort
	to, ok := f.ports[port]
	if !ok {
		r.Complete(true)
		return
	}
	var wq waiter.Queue
	ep, err := r.CreateEndpoint(&wq)
	if err != nil {
		r.Complete(true)
		return
	}
	r.Complete(false)
	c := gonet.NewTCPConn(&wq, ep)
	if port == 443 && f.proxy != nil {
		f.proxy.accept(c)
		return
	}
	splice(c, to)
}

// splice copies both ways until both are done.
func splice(c *gonet.TCPConn, to string) {
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), dialTime)
	defer cancel()
	var d net.Dialer
	up, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		return
	}
	defer up.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		pump(up.(*net.TCPConn), c)
	}()
	pump(c, up.(*net.TCPConn))
	<-done
}

type halfCloser interface {
	io.Writer
	CloseWrite() error
}

func pump(to halfCloser, from io.Reader) {
	buf := make([]byte, copyBuffer)
	io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, buf) //nolint:errcheck // an end is an end
	to.CloseWrite()                                                        //nolint:errcheck // likewise
}
