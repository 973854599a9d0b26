package doctor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"sallyport.dev/sallyport/dashboard"
)

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	running := dashboard.Tailnet{
		State: "Running", Tags: []string{"tag:sallyport"}, Wanted: []string{"tag:sallyport"}, HTTPS: true,
		Addresses: []string{"100.64.0.1"}, Routes: []string{"0.0.0.0/0", "198.18.0.0/15", "::/0"},
	}
	untagged, refused, sick := running, running, running
	untagged.Tags, refused.Refused, sick.Problems = nil, []string{"198.18.0.0/15"}, []string{"the key ends"}
	plain, wide, split, asked := running, running, running, running
	plain.HTTPS, wide.Wide, split.Routes = false, []string{"ci-1"}, []string{"198.18.0.0/15"}
	other := running
	other.Nameservers = []dashboard.Nameserver{{Address: "8.8.8.8"}, {Address: "100.64.0.9", ExitNode: true}}
	asked.Nameservers = []dashboard.Nameserver{{Address: "8.8.8.8"}, {Address: "100.64.0.1", ExitNode: true}}
	told := split
	told.Nameservers = []dashboard.Nameserver{{Address: "100.64.0.1", Suffix: "acme.dev"}}
	foreign := plain
	foreign.Control = "https://headscale.example"
	for _, tc := range []struct {
		name string
		in   dashboard.Status
		bad  []string
	}{
		{"no certificates", dashboard.Status{Ready: "ready", Tailnet: &plain}, []string{"the tailnet gives certificates"}},
		{"Headscale gives none", dashboard.Status{Ready: "ready", Tailnet: &foreign}, []string{"look: the tailnet gives certificates"}},
		{"a way past", dashboard.Status{Ready: "ready", Tailnet: &wide}, []string{"the tailnet lets no agent past the gateway"}},
		{"another nameserver", dashboard.Status{Ready: "ready", Tailnet: &other}, []string{"agents are told to ask the gateway for names"}},
		{"the gateway as nameserver", dashboard.Status{Ready: "ready", Tailnet: &asked}, nil},
		{"services only, nobody is told", dashboard.Status{Ready: "ready", Tailnet: &split}, []string{"agents are told to ask the gateway for names"}},
		{"services only, told", dashboard.Status{Ready: "ready", Tailnet: &told}, nil},
		{"well", dashboard.Status{Ready: "ready", Tailnet: &running}, nil},
		{"no tailnet", dashboard.Status{Ready: "ready"}, nil},
		{"starting", dashboard.Status{Ready: "it starts"}, []string{"the gateway is ready"}},
		{"a bad edit", dashboard.Status{Ready: "ready", ConfigError: "x"}, []string{"the configuration is in force"}},
		{"a secret", dashboard.Status{Ready: "ready", Warnings: []string{"no value"}}, []string{"the gateway warns"}},
		{"untagged", dashboard.Status{Ready: "ready", Tailnet: &untagged}, []string{"the node has its tags"}},
		{"not approved", dashboard.Status{Ready: "ready", Tailnet: &refused}, []string{"every route is approved"}},
		{"key", dashboard.Status{Ready: "ready", Tailnet: &sick, Warnings: sick.Problems}, []string{"the tailnet node has a problem"}},
		{"logged out", dashboard.Status{Ready: "ready", Tailnet: &dashboard.Tailnet{State: "NeedsLogin"}}, []string{"the node runs in the tailnet", "every route is approved"}},
	} {
		var bad []string
		for _, f := range diagnose(tc.in) {
			switch {
			case f.Unsure:
				bad = append(bad, "look: "+f.Check)
			case !f.OK:
				bad = append(bad, f.Check)
			}
			if !f.OK && f.Fix == "" {
				t.Errorf("%s: %q has no cure", tc.name, f.Check)
			}
		}
		if !slices.Equal(bad, tc.bad) {
			t.Errorf("%s: found %q, want %q", tc.name, bad, tc.bad)
		}
	}
}

func TestClock(t *testing.T) {
	for _, tc := range []struct {
		date string
		ok   bool
	}{
		{time.Now().UTC().Format(http.TimeFormat), true},
		{time.Now().UTC().Add(time.Hour).Format(http.TimeFormat), false},
		{"noon", false},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", tc.date)
			fmt.Fprint(w, "{}")
		}))
		found := clock(t.Context(), &dashboard.Tailnet{Control: srv.URL})
		srv.Close()
		if len(found) != 1 || found[0].OK != tc.ok || found[0].OK == (found[0].Fix != "") {
			t.Errorf("%s: %+v", tc.date, found)
		}
	}
	if found := clock(t.Context(), nil); found != nil {
		t.Errorf("without a tailnet: %+v", found)
	}
}
