//go:build e2e

package web

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/lab"
	"sallyport.dev/sallyport/internal/lab/control"

	"tailscale.com/net/netns"
)

// What is wrong with the tailnet stands on the first page and in the settings, in the
// words of `sallyport status`: here that nothing is approved and nobody in sight, then
// that the control server is gone.
func TestThePagesSayWhatIsWrongWithTheTailnet(t *testing.T) {
	netns.SetEnabled(false)
	c, err := control.Start(control.Options{Tags: []string{"tag:sallyport"}})
	must(t, err)
	t.Cleanup(c.Close)
	s := &site{Lab: lab.New(t, strings.Replace(empty, "  wireguard {", `  tailnet {
    hostname    = "gate"
    control_url = "`+c.URL()+`"
    tags        = ["tag:sallyport"]
  }
  wireguard {`, 1)), t: t}
	must(t, s.TS.Up(t.Context()))
	b := s.enter()
	warned := func(words string) {
		t.Helper()
		for end := time.Now().Add(3 * time.Minute); !strings.Contains(strings.Join(s.API.Status().Warnings, "\n"), words); {
			if time.Now().After(end) {
				t.Fatalf("the status says %q", s.API.Status().Warnings)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	for _, words := range []string{"has not approved the routes", "shows the gateway no other node"} {
		warned(words)
		b.visit("/")
		b.see(".attention", words)
		b.visit("/settings")
		b.see(".lines .warn-line:has-text('"+words+"')", "")
	}
	b.see(".facts", "Running")
	b.accessible("the settings of a tailnet")
	if dir := os.Getenv("SALLYPORT_SHOTS"); dir != "" {
		b.shot(filepath.Join(dir, "tailnet-1280-light.png"), false)
	}
	c.Cut()
	warned("control server is silent")
	b.visit("/")
	b.see(".attention", "control server is silent")
	b.visit("/settings")
	b.see(".lines .warn-line:has-text('control server is silent')", "")
	b.clean("the tailnet's troubles")
}
