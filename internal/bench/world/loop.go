package world

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"path/filepath"

	"sallyport.dev/sallyport/internal/bench/roles"
)

// Loop gives a gateway without a tunnel.
func (w *World) Loop(name string, silent bool) (*Target, error) {
	if t := w.targets[name]; t != nil {
		return t, nil
	}
	dir := filepath.Join(w.Dir, name)
	path, err := w.configure(dir, map[string]any{"Port": 1}) // nobody listens for WireGuard
	if err != nil {
		return nil, err
	}
	c := roles.LoopConfig{Policy: path, State: filepath.Join(dir, "state"), Secrets: secretValues(), Silent: silent, Flows: services()}
	var ready roles.LoopReady
	p, err := w.Spawn(name, "loop", c, &ready)
	if err != nil {
		return nil, err
	}
	t := &Target{Name: name, pids: []int{p.pid()}, Roots: x509.NewCertPool(), At: make(map[string]netip.AddrPort)}
	if !t.Roots.AppendCertsFromPEM(ready.CA) {
		return nil, errors.New("CA of the gateway: no certificate in it")
	}
	for service, at := range ready.At {
		if t.At[service], err = netip.ParseAddrPort(at); err != nil {
			return nil, err
		}
	}
	w.targets[name] = t
	return t, nil
}
