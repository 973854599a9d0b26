//go:build unix

package disk

import (
	"os"
	"syscall"
)

// keepOwner gives a new file the owner of the one that it replaces, as far as this
// process may; a gateway that is not root owns what it writes.
func keepOwner(root *os.Root, name string, f *os.File) {
	info, err := root.Lstat(name)
	if err != nil {
		return
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && (int(st.Uid) != os.Geteuid() || int(st.Gid) != os.Getegid()) {
		f.Chown(int(st.Uid), int(st.Gid)) //nolint:errcheck // only root may
	}
}
