package main

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhatOnlyTheStartNeededIsGivenBack(t *testing.T) {
	t.Setenv("BEFORE", "1") // undone by C code, through addresses that the loader put in
	populate(t)
	before := resident(t)
	if err := giveBack(); err != nil {
		t.Fatal(err)
	}
	if after := resident(t); after >= before {
		t.Errorf("%d kB of the program were in memory, now %d", before, after)
	}
}

// populate brings all constant pages of the program into memory: what is there by itself
// is up to the kernel, which takes some away when memory is short.
func populate(t *testing.T) {
	t.Helper()
	for _, s := range ours(t) {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, s.from, s.to-s.from, unix.MADV_POPULATE_READ); errno != 0 && errno != unix.EINVAL { // before Linux 5.14
			t.Fatal(errno)
		}
	}
}

// resident is how much of the program's constant pages is in memory, in kB.
func resident(t *testing.T) (kB int) {
	t.Helper()
	for _, s := range ours(t) {
		kB += s.kB
	}
	return kB
}

// ours are the ranges of the program's constant pages.
func ours(t *testing.T) []span {
	t.Helper()
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	clean, err := constant(f, exe)
	if err != nil || len(clean) == 0 {
		t.Fatalf("nothing of %s in memory: %v", exe, err)
	}
	return clean
}

func TestOnlyConstantPagesAreGivenBack(t *testing.T) {
	const (
		clean   = "Rss: 100 kB\nAnonymous: 0 kB\nSwap: 0 kB\nVmFlags: rd mr\n"
		changed = "Rss: 100 kB\nAnonymous: 4 kB\nSwap: 0 kB\nVmFlags: rd mr\n"
		swapped = "Rss: 100 kB\nAnonymous: 0 kB\nSwap: 4 kB\nVmFlags: rd mr\n"
	)
	tests := map[string]struct {
		smaps string
		want  int
	}{
		"code":                       {"00402000-01375000 r-xp 00002000 fe:00 1   /bin/x\n" + clean, 1},
		"constants":                  {"01375000-0256e000 r--p 00f75000 fe:00 1   /bin/x\n" + clean, 1},
		"variables":                  {"025a5000-0268e000 rw-p 021a6000 fe:00 1   /bin/x\n" + clean, 0},
		"addresses of the loader":    {"025a0000-025a5000 r--p 021a1000 fe:00 1   /bin/x\n" + changed, 0},
		"the same, swapped out":      {"025a0000-025a5000 r--p 021a1000 fe:00 1   /bin/x\n" + swapped, 0},
		"a library":                  {"7f7b03470000-7f7b035c6000 r-xp 00026000 fe:00 2   /lib/libc.so.6\n" + clean, 0},
		"heap":                       {"c554ac00000-c554d000000 rw-p 00000000 00:00 0 \n" + clean, 0},
		"a file that was replaced":   {"00402000-01375000 r-xp 00002000 fe:00 1   /bin/x (deleted)\n" + clean, 0},
		"a range that does not end":  {"00402000-01375000 r-xp 00002000 fe:00 1   /bin/x\nAnonymous: 0 kB\n", 0},
		"code after changed content": {"00400000-00401000 r--p 0 fe:00 1 /bin/x\n" + changed + "00402000-01375000 r-xp 2000 fe:00 1 /bin/x\n" + clean, 1},
		"no address":                 {"zz-01375000 r-xp 00002000 fe:00 1 /bin/x\n" + clean, 0},
		"nothing":                    {"", 0},
	}
	for name, tt := range tests {
		got, err := constant(strings.NewReader(tt.smaps), "/bin/x")
		if err != nil || len(got) != tt.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
