package store

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/record"
	"sallyport.dev/sallyport/internal/notrun"
)

// smallDisk mounts 10 MiB that tests may fill; a small journal takes two of them.
func smallDisk(t *testing.T) string {
	t.Helper()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=10m"); err != nil {
		notrun.Skip(t, "mounting a tmpfs needs root: "+err.Error())
	}
	t.Cleanup(func() { // somebody else of this machine may be looking into it
		var err error
		eventually(t, "the disk is let go", func() bool { err = syscall.Unmount(disk, 0); return !errors.Is(err, syscall.EBUSY) })
		must(t, err)
	})
	return disk
}

// block fills the disk up to the last page and gives what frees it again.
func block(t *testing.T, disk string) (free func()) {
	t.Helper()
	path := filepath.Join(disk, "ballast")
	f, err := os.Create(path)
	must(t, err)
	for page := make([]byte, 4096); err == nil; {
		_, err = f.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	must(t, f.Close())
	return func() { must(t, os.Remove(path)) }
}

func openSmall(t *testing.T, disk string) *Store {
	t.Helper()
	s, err := open(context.Background(), filepath.Join(disk, "state"), nil, 2<<20, 1<<20)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestT50_StrictRefusesBeforeTheDiskIsFull proves that strict mode begins nothing
// that could not be recorded, and that what runs when the disk fills up still
// leaves its records: they go to the reserve.
func TestT50_StrictRefusesBeforeTheDiskIsFull(t *testing.T) {
	disk := smallDisk(t)
	s := openSmall(t, disk)
	l := openLog(t, s, audit.Options{Strict: true, Queue: 100, Log: logTo(t)})
	const running = 50
	var acts []func()
	for i := range running {
		a, d, r := example(i)
		must(t, l.Begin(t.Context(), a, d))
		acts = append(acts, func() { l.End(a, d, r) })
	}
	free := block(t, disk)
	eventually(t, "a full disk refuses", func() bool {
		a, d, _ := example(0)
		err := l.Begin(t.Context(), a, d)
		return err != nil && strings.Contains(err.Error(), "full")
	})
	for _, end := range acts {
		end()
	}
	eventually(t, "what ran is recorded", func() bool { return l.Stats().Written >= running })
	if _, err := os.Stat(filepath.Join(disk, "state", "audit", "reserve")); err == nil {
		t.Error("the reserve was not needed: the disk was not full")
	}
	free()
	eventually(t, "it begins again", func() bool {
		a, d, r := example(0)
		err := l.Begin(t.Context(), a, d)
		if err == nil {
			l.End(a, d, r)
		}
		return err == nil
	})
	eventually(t, "there is a reserve again", func() bool {
		_, err := os.Stat(filepath.Join(disk, "state", "audit", "reserve"))
		return s.Room() == nil && err == nil
	})
	must(t, l.Close())
	if report, err := l.Verify(t.Context()); err != nil || !report.OK() {
		t.Errorf("%v %+v", err, report)
	}
}

// TestT50_StrictKeepsTheFloorFree proves that strict mode refuses while the disk
// still takes what runs.
func TestT50_StrictKeepsTheFloorFree(t *testing.T) {
	disk := smallDisk(t)
	s := openSmall(t, disk)
	must(t, os.WriteFile(filepath.Join(disk, "ballast"), make([]byte, 5<<20+200<<10), 0o600))
	l := openLog(t, s, audit.Options{Strict: true, Queue: 100})
	eventually(t, "a nearly full disk refuses", func() bool {
		a, d, _ := example(0)
		err := l.Begin(t.Context(), a, d)
		return err != nil && strings.Contains(err.Error(), "nearly full")
	})
	if _, err := os.Stat(filepath.Join(disk, "state", "audit", "reserve")); err != nil {
		t.Errorf("the reserve was spent: %v", err)
	}
	must(t, os.Remove(filepath.Join(disk, "ballast")))
	eventually(t, "it begins again", func() bool { return writeRecord(l, 1) != "" })
}

// TestT50_BestEffortLeavesACountedGap proves that without strict mode a full disk
// stops nobody, and that every record that is missing is told of.
func TestT50_BestEffortLeavesACountedGap(t *testing.T) {
	disk := smallDisk(t)
	s := openSmall(t, disk)
	l, err := audit.New(t.Context(), s, tables(), audit.Options{Queue: 500, Log: logTo(t)})
	must(t, err)
	free := block(t, disk)
	begun := 0
	// The reserve takes a while to be eaten up; then the queue fills, then records
	// are lost.
	for ; l.Stats().Lost == 0; begun++ {
		if writeRecord(l, begun) == "" {
			t.Fatal("an action was refused")
		}
	}
	if l.Health() == nil {
		t.Error("a log on a full disk is healthy")
	}
	free()
	eventually(t, "it is written again", func() bool { return l.Health() == nil && l.Stats().Queued == 0 })
	must(t, l.Close())
	gaps, kept := uint64(0), uint64(0)
	must(t, s.Scan(t.Context(), 0, func(row audit.Row) error {
		r, err := record.Decode(row.Body)
		if r.Kind == record.KindGap {
			gaps += r.Missing
		} else {
			kept++
		}
		return err
	}))
	if gaps == 0 || gaps+kept != uint64(begun) {
		t.Errorf("%d begun, %d kept, %d told missing", begun, kept, gaps)
	}
	if report, err := l.Verify(t.Context()); err != nil || !report.OK() {
		t.Errorf("%v %+v", err, report)
	}
}

// logTo logs to the test's output.
func logTo(t *testing.T) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }
