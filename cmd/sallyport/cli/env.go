package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// An Env is what the flags that every command shares have said.
type Env struct {
	Config  string // -c
	Gateway string // --gateway
	JSON    bool
}

// HasConfig fails, with the cure, if nothing stands where the configuration
// should.
func (r *Env) HasConfig() error {
	info, err := os.Stat(r.Config)
	empty := false
	if err == nil && info.IsDir() {
		files, wrong := filepath.Glob(filepath.Join(r.Config, "*.hcl"))
		empty = wrong == nil && len(files) == 0
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), empty:
		return ExitError{Code: ExitUsage, Err: fmt.Errorf("there is no configuration at %s; write one with `sallyport init %[1]s`, or name another with -c", r.Config)}
	case err != nil:
		return ExitError{Code: ExitUsage, Err: fmt.Errorf("read the configuration: %w", err)}
	}
	return nil
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
