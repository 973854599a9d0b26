//go:build e2e

package web

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/notrun"
)

// What is committed is what the sources build, no larger than it may be; and the
// parts that need no browser do what their own tests say.
func TestThePagesAreBuiltFromTheirSources(t *testing.T) {
	if _, err := os.Stat(modules); err != nil {
		notrun.Skip(t, "what builds the pages is not installed: run contrib/dev/ensure test")
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "contrib/dev/web", "check")
	cmd.Dir = "../../.."
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("contrib/dev/web check: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}
