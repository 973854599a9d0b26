package store

import (
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"

	"sallyport.dev/sallyport/audit"
)

// A key signs the heads of a test.
type key ed25519.PrivateKey

func (k key) Sign(b []byte) []byte      { return ed25519.Sign(ed25519.PrivateKey(k), b) }
func (k key) Public() ed25519.PublicKey { return ed25519.PrivateKey(k).Public().(ed25519.PublicKey) }

// A state directory that was restored without the files of the audit log goes on
// behind what was signed, and is whole again once somebody has signed for the rest.
func TestARestoreWithoutTheAuditLog(t *testing.T) {
	dir, signer := stateDir(t), key(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	run := func(f func(l *audit.Log)) audit.Report {
		t.Helper()
		s, err := Open(context.Background(), dir, nil)
		must(t, err)
		defer s.Close()
		l, err := audit.New(context.Background(), s, tables(), audit.Options{Signer: signer})
		must(t, err)
		f(l)
		must(t, l.Close())
		report, err := audit.Verify(t.Context(), s, signer.Public())
		must(t, err)
		return report
	}
	write := func(l *audit.Log) {
		for n := range 3 {
			writeRecord(l, n)
		}
	}
	if report := run(write); !report.OK() || report.Last != 3 {
		t.Fatalf("%+v", report)
	}
	must(t, os.RemoveAll(filepath.Join(dir, "audit")))
	if report := run(write); report.OK() || report.First != 4 || report.Last != 6 {
		t.Fatalf("without its files: %+v", report)
	}
	report := run(func(l *audit.Log) {
		if gaps, err := l.Accept(t.Context()); err != nil || len(gaps) != 1 || gaps[0].From != 1 || gaps[0].To != 3 {
			t.Errorf("%+v, %v", gaps, err)
		}
		write(l)
	})
	if !report.OK() || len(report.Accepted) != 1 || report.Last != 9 {
		t.Errorf("accepted: %+v", report)
	}
}
