package dashboard_test

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/sallyport/internal/lab"
)

func TestWhoActedIsLogged(t *testing.T) {
	l := lab.New(t, rules)
	c := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", filepath.Join(l.Dir, "admin.sock"))
		},
		DisableKeepAlives: true,
	}}
	resp, err := c.Post("http://sallyport/api/v1/agents/freeze", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if logs := l.Logs.String(); !strings.Contains(logs, "all agents frozen") || strings.Contains(logs, `by=""`) {
		t.Errorf("the log does not say who:\n%s", logs)
	}
}
