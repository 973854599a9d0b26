package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// giveBack lets go of memory that only the start has touched: heap, and pages of
// the program's own file, which the kernel brings back when they are used again.
func giveBack() error {
	debug.FreeOSMemory()
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("own program: %w", err)
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return fmt.Errorf("own memory: %w", err)
	}
	defer maps.Close()
	clean, err := constant(maps, exe)
	if err != nil {
		return fmt.Errorf("own memory: %w", err)
	}
	for _, r := range clean {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, r.from, r.to-r.from, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("give back pages of %s: %w", exe, errno)
		}
	}
	return nil
}

// A span is a range of addresses, and how much of it is in memory.
type span struct {
	from, to uintptr
	kB       int
}

// constant finds the ranges in smaps that are a file's word by word: nothing may
// write there, and nothing has, not even the loader when it put addresses in.
func constant(smaps io.Reader, file string) ([]span, error) {
	var clean []span
	var s span
	ours := false
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) >= 5 && !strings.HasSuffix(f[0], ":") {
			n, err := fmt.Sscanf(f[0], "%x-%x", &s.from, &s.to)
			ours = n == 2 && err == nil && len(f) == 6 && f[5] == file && !strings.Contains(f[1], "w")
			continue
		}
		if !ours || len(f) < 2 {
			continue
		}
		switch f[0] {
		case "Rss:":
			fmt.Sscan(f[1], &s.kB) //nolint:errcheck // for those who look only
		case "Anonymous:", "Swap:":
			ours = f[1] == "0"
		case "VmFlags:": // the last line of a range
			clean = append(clean, s)
		}
	}
	return clean, lines.Err()
}
