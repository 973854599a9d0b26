//go:build e2e

package web

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// A page exports what it shows as an HTTP Archive, and another browser replays it.
func TestAnArchiveIsReplayed(t *testing.T) {
	s := newSite(t, configuration)
	laptop, _ := s.furnish()
	const seen = "https://api.github.com/repos/acme/shop/issues?page=1&state=open"
	s.request(t.Context(), laptop.HTTP(), "GET", seen, "")
	s.Records("agent:laptop", 1)
	b := newBrowser(t, s.url)
	b.open(look{1280, 860, "light"})
	b.visit("/activity?q=method:GET")
	b.see(".vrow", "GET")
	b.click("button:has-text('Export')")
	b.accessible("the export")
	var text string
	b.do("download", args{"at": "button:has-text('HAR of the HTTP requests')"}, &text)
	var har struct {
		Log struct {
			Entries []struct {
				Request  struct{ URL string }
				Response struct{ Status int }
			}
		}
	}
	must(t, json.Unmarshal([]byte(text), &har))
	if e := har.Log.Entries; len(e) != 1 || e[0].Request.URL != seen || e[0].Response.Status != 200 {
		t.Fatalf("%s", text)
	}
	file := filepath.Join(t.TempDir(), "export.har")
	must(t, os.WriteFile(file, []byte(text), 0o600))
	var got []int
	b.do("replay", args{"path": file, "url": seen}, &got)
	if len(got) != 2 || got[0] != 200 || got[1] != 0 {
		t.Errorf("%v", got)
	}
	b.clean("an archive")
}
