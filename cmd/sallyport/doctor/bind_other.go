//go:build !linux

package doctor

import (
	"context"
	"net/netip"
)

// dialBy is for Linux only.
func dialBy(context.Context, string, netip.AddrPort) error { return errBound }
