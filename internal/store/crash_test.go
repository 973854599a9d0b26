package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/keyring"
)

// crashEnv tells the test binary to be the gateway that gets killed.
const crashEnv = "SALLYPORT_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashEnv); dir != "" {
		err := error(nil)
		if os.Getenv(crashEnv+"_TALLY") != "" {
			err = countUntilKilled(dir)
		} else {
			err = writeUntilKilled(dir, os.Getenv(crashEnv+"_STRICT") != "")
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeUntilKilled tells its parent the id of every action whose Begin has
// returned. Some it never ends.
func writeUntilKilled(dir string, strict bool) error {
	ctx := context.Background()
	s, err := Open(ctx, dir, nil)
	if err != nil {
		return err
	}
	ring, err := keyring.File(context.Background(), dir+"/key", true)
	if err != nil {
		return err
	}
	v, err := vault.Open(ctx, s, ring.Key)
	if err != nil {
		return err
	}
	signer, err := v.Signer(ctx, "audit")
	if err != nil {
		return err
	}
	l, err := audit.New(ctx, s, tables(), audit.Options{Strict: strict, Signer: signer, Queue: 64})
	if err != nil {
		return err
	}
	out := make(chan string, 1024)
	for n := range 4 {
		go func() {
			for i := 0; ; i++ {
				a, d, r := example(n*1e6 + i)
				if err := l.Begin(ctx, a, d); err != nil {
					continue
				}
				out <- a.ID
				if i%50 != 49 {
					l.End(a, d, r)
				}
			}
		}()
	}
	for id := range out {
		if _, err := fmt.Println(id); err != nil {
			return err
		}
	}
	return nil
}

// TestKillLosesNothingAcknowledged kills a gateway with -9 in the middle of its
// work, again and again on one directory.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict=%v", strict), func(t *testing.T) {
			dir := stateDir(t)
			acked := map[string]bool{}
			for round := range 4 {
				for _, id := range runAndKill(t, dir, strict, 200*(round+1)) {
					acked[id] = true
				}
			}
			s := openStore(t, dir)
			ring, err := keyring.File(context.Background(), dir+"/key", false)
			must(t, err)
			v, err := vault.Open(t.Context(), s, ring.Key)
			must(t, err)
			signer, err := v.Signer(t.Context(), "audit")
			must(t, err)
			l := openLog(t, s, audit.Options{Strict: strict, Signer: signer})
			report, err := l.Verify(t.Context())
			if err != nil || !report.OK() {
				t.Fatalf("%v %+v", err, report)
			}
			kept, unknown := map[string]int{}, 0
			must(t, s.Scan(t.Context(), 0, func(r audit.Row) error {
				kept[r.ID]++
				if strings.Contains(string(r.Body), `"outcome":"unknown"`) {
					unknown++
				}
				return nil
			}))
			for id := range acked {
				if kept[id] == 0 {
					t.Errorf("record %s was begun and is gone", id)
				}
			}
			for id, n := range kept {
				if n > 1 {
					t.Errorf("record %s is kept %d times", id, n)
				}
			}
			if unknown == 0 || unknown == len(kept) {
				t.Errorf("%d of %d records have an unknown outcome", unknown, len(kept))
			}
			t.Logf("%d acknowledged, %d kept, %d of unknown outcome", len(acked), len(kept), unknown)
		})
	}
}

// runAndKill starts a gateway, lets it acknowledge n records, kills it, and gives
// every id that it managed to tell.
func runAndKill(t *testing.T, dir string, strict bool, n int) (ids []string) {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), crashEnv+"="+dir)
	if strict {
		cmd.Env = append(cmd.Env, crashEnv+"_STRICT=1")
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	var kill sync.Once
	late := time.AfterFunc(2*time.Minute, func() { kill.Do(func() { _ = cmd.Process.Kill() }) })
	defer late.Stop()
	for lines.Scan() {
		if id := lines.Text(); len(id) == 24 { // the last line may be cut
			ids = append(ids, id)
		}
		if len(ids) == n {
			kill.Do(func() { _ = cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the gateway was not killed: %v", err)
	}
	if len(ids) < n {
		t.Fatalf("%d records in two minutes", len(ids))
	}
	return ids
}
