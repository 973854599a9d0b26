package cli

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

// Whatever is wrong with a file is told with what to do. Root may read everything, so
// that the errors are made by hand.
func TestFileErrorsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		err  syscall.Errno
		code int
		want string
	}{
		{syscall.EACCES, ExitFailed, " may not; do it as its owner or as root"},
		{syscall.EPERM, ExitFailed, " may not; do it as its owner or as root"},
		{syscall.ENOENT, ExitUsage, "read c.hcl: there is no such file or directory"},
		{syscall.EEXIST, ExitUsage, "it exists already; name another, or remove it first"},
		{syscall.EISDIR, ExitUsage, "it is a directory; name a file"},
		{syscall.ENOTDIR, ExitUsage, "a part of the path is a file, not a directory"},
		{syscall.ENOSPC, ExitFailed, "read c.hcl: no space left on device"},
	} {
		err := FileError("read", "c.hcl", &fs.PathError{Op: "open", Path: "c.hcl", Err: c.err})
		var exit ExitError
		if !errors.As(err, &exit) || exit.Code != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q with %d", c.err, err, c.want, c.code)
		}
	}
}
