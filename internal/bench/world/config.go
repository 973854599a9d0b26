package world

import (
	_ "embed"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed bench.hcl.tmpl
var configuration string

// What every variant offers, and the accounts there.
const (
	APIName    = "api.bench.test"
	PlainName  = "plain.bench.test"
	DBName     = "db.bench.test"
	Database   = "app"
	DBUser     = "agent_rw"
	DBPassword = "upstream-password"
	APIToken   = "bench-token-of-the-upstream"
)

// secretValues are what the gateway injects, by name.
func secretValues() map[string]string {
	return map[string]string{"api": APIToken, "db": DBPassword}
}

// configure writes the configuration of a gateway into dir and gives its path.
func (w *World) configure(dir string, transport map[string]any) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("folder of the configuration: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "upstream.pem"), w.ca.PEM(), 0o600); err != nil {
		return "", fmt.Errorf("write the upstream's CA: %w", err)
	}
	path := filepath.Join(dir, "bench.hcl")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	defer f.Close()
	values := map[string]any{
		"State": filepath.Join(dir, "state"), "User": DBUser,
		"HTTPS": w.upstream.HTTPS, "HTTP": w.upstream.HTTP, "PG": w.pg.Address(),
	}
	maps.Copy(values, transport)
	if err := template.Must(template.New("bench").Parse(configuration)).Execute(f, values); err != nil {
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	return path, nil
}
