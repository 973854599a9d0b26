// Package harden keeps what is in the memory of this process from being read elsewhere:
// in core files, and by other processes of the same user.
package harden

import (
	"fmt"
	"syscall"
)

// prSetDumpable is PR_SET_DUMPABLE of prctl(2).
const prSetDumpable = 4

// Process keeps the memory of this process out of core files and away from other
// processes of the same user.
func Process() error {
	none := &syscall.Rlimit{}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, none); err != nil {
		return fmt.Errorf("turn core files off: %w", err)
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0); errno != 0 {
		return fmt.Errorf("make the process undumpable: %w", errno)
	}
	return nil
}
