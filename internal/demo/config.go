package demo

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed demo.hcl.tmpl
var configuration string

// Configure writes the configuration that the gateway of the show runs with, for a
// port of WireGuard that is free now. NewWorld has done it once.
func (w *World) Configure(ctx context.Context) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	values := map[string]string{
		"Port":     port,
		"StateDir": filepath.Join(w.Dir, "state"), "API": apiHost, "APIAddr": w.apiAddr,
		"DB": dbHost, "Database": database, "User": dbUser,
	}
	if w.db != nil {
		values["DBAddr"] = w.db.Address()
	}
	var text strings.Builder
	if err := template.Must(template.New("demo").Parse(configuration)).Execute(&text, values); err != nil {
		return fmt.Errorf("make the configuration: %w", err)
	}
	if err := os.WriteFile(w.Config(), []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// freePort finds a UDP port for the tunnel.
func freePort(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	c, err := lc.ListenPacket(ctx, "udp", ":0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer c.Close()
	_, port, err := net.SplitHostPort(c.LocalAddr().String())
	return port, err
}

// Config is the path of the configuration.
func (w *World) Config() string { return filepath.Join(w.Dir, "demo.hcl") }
