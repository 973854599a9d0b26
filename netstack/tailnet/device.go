package tailnet

import (
	"sallyport.dev/sallyport/netstack/tun"

	tstun "github.com/tailscale/wireguard-go/tun"
)

var _ tstun.Device = (*device)(nil)

// device is our stack's device as Tailscale's fork of wireguard-go wants it: all
// that differs is the type of an event.
type device struct {
	*tun.Device
	events chan tstun.Event
}

func newDevice(d *tun.Device) *device {
	w := &device{Device: d, events: make(chan tstun.Event, 1)}
	w.events <- tstun.EventUp
	return w
}

// Events tells once that the device is up.
func (d *device) Events() <-chan tstun.Event { return d.events }

// Close ends Read. It may be called more than once.
func (d *device) Close() error { return d.Device.Close() }
