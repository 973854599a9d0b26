// Package notrun is how a test says that this machine cannot run it: it is
// skipped here and listed with its reason at the end of make test, and it fails
// where CI=true promises a complete run. It knows no test and no machine.
package notrun

import (
	"os"
	"testing"
)

// Skip ends the test. The reason says what is missing, in words that a reader
// of the list can act on: "wg-quick is not installed (wireguard-tools)".
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("cannot run on this machine: %s", reason)
	}
	t.Skipf("cannot run on this machine: %s", reason)
}
