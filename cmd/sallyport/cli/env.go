package cli

import (
	"os"
	"path/filepath"
)

// An Env is what the flags that every command shares have said.
type Env struct {
	Config  string // -c
	Gateway string // --gateway
	JSON    bool
}

// DefaultConfig is where a configuration stands unless -c says otherwise.
func DefaultConfig() string {
	if os.Geteuid() == 0 {
		return "/etc/sallyport"
	}
	if dir, err := os.UserConfigDir(); err == nil {
		return filepath.Join(dir, "sallyport")
	}
	return "sallyport"
}

// DefaultState is where a gateway keeps its state unless the configuration says
// otherwise.
func DefaultState() string {
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "sallyport")
	}
	if os.Geteuid() == 0 {
		return "/var/lib/sallyport"
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "sallyport")
	}
	return "sallyport-state"
}
