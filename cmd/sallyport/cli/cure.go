package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
)

// Cured adds to an error of the system what to do about it, where that is known.
func Cured(err error) error {
	var op *net.OpError
	var path *fs.PathError
	listens := errors.As(err, &op) && op.Op == "listen"
	switch {
	case listens && errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; another program has that port: `ss -lntup` shows which, and listen in the configuration names another", err)
	case listens && errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; ports below 1024 are for root, or take CAP_NET_BIND_SERVICE", err)
	case listens && errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w; this host has no such address: `ip address` shows which it has", err)
	case errors.As(err, &path) && errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; %s may not: start it as the owner of that place, or name another", err, whoami())
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w; a part of that path is a file", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w; the file system there cannot be written to: name another place with state_dir in the gateway block", err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w; the disk is full", err)
	}
	return err
}
