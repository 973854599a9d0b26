package door

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"sallyport.dev/sallyport/dashboard/route"
)

// ListenAdmin opens the admin socket at path, mode 0600. Only the user that runs
// the gateway and root may connect: the kernel names the peer (SO_PEERCRED).
func ListenAdmin(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	// The folder is the owner's alone (0700), so that nobody comes in between.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	return adminListener{l}, nil
}

// ConnContext puts who connected to the admin socket where the API finds it; it is
// the http.Server's hook of that name.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if a, ok := c.(adminConn); ok {
		return route.WithCaller(ctx, route.Host(a.operator))
	}
	return ctx
}

var _ = http.Server{ConnContext: ConnContext}

type adminListener struct{ *net.UnixListener }

type adminConn struct {
	*net.UnixConn
	operator string
}

// Accept gives the next connection of someone who may use the socket; others
// are closed.
func (l adminListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(c)
		if err == nil && (uid == 0 || uid == uint32(os.Geteuid())) {
			return adminConn{c, userName(uid)}, nil
		}
		c.Close()
	}
}

func peerUID(c *net.UnixConn) (uint32, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *syscall.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if credErr != nil {
		return 0, credErr
	}
	return cred.Uid, nil
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid " + id
}
