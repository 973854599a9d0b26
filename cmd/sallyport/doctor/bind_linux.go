package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// dialBy connects to an address by one interface, whatever the routes say.
func dialBy(ctx context.Context, name string, to netip.AddrPort) error {
	d := net.Dialer{Timeout: 2 * pause, Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if cerr := raw.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), name) }); cerr != nil {
			return cerr
		}
		if errors.Is(err, unix.EPERM) {
			return fmt.Errorf("%w (%w)", errBound, err)
		}
		return err
	}}
	c, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return err
	}
	return c.Close()
}
