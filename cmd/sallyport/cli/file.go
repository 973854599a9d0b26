package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"syscall"
)

// FileError says in plain words why a file or directory could not be used for what
// verb says, and what to do. A path that somebody named wrongly is an error of
// usage.
func FileError(verb, path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Usage("%s %s: there is no such file or directory", verb, path)
	case errors.Is(err, fs.ErrExist):
		return Usage("%s %s: it exists already; name another, or remove it first", verb, path)
	case errors.Is(err, syscall.EISDIR):
		return Usage("%s %s: it is a directory; name a file", verb, path)
	case errors.Is(err, syscall.ENOTDIR):
		return Usage("%s %s: a part of the path is a file, not a directory", verb, path)
	case errors.Is(err, fs.ErrPermission):
		return ExitError{Code: ExitFailed, Err: fmt.Errorf("%s %s: %s may not; do it as its owner or as root, or name another place", verb, path, whoami())}
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err // the path is told already
	}
	return ExitError{Code: ExitFailed, Err: fmt.Errorf("%s %s: %w", verb, path, err)}
}

// whoami is the user that this program runs as.
func whoami() string {
	if u, err := user.Current(); err == nil {
		return "user " + u.Username
	}
	return fmt.Sprintf("user %d", os.Geteuid())
}
