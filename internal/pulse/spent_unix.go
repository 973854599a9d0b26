//go:build unix

package pulse

import (
	"syscall"
	"time"
)

// Spent is the processor time that this process has taken so far: what a piece of work
// costs, however long the machine has it wait for a processor. What else runs in the
// process counts, too.
func Spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // it cannot fail for oneself: getrusage(2)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
