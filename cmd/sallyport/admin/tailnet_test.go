package admin

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/dashboard"
)

func TestTheTailnetsPolicy(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   dashboard.Tailnet
		want string
	}{
		{
			"exit node",
			dashboard.Tailnet{
				Wanted: []string{"tag:sallyport"}, Members: []string{"bo@acme.dev", "tag:ci"},
				Routes: []string{"0.0.0.0/0", "198.18.0.0/15", "::/0"},
			},
			`{"tagOwners":{"tag:ci":["autogroup:admin"],"tag:sallyport":["autogroup:admin"]},` +
				`"autoApprovers":{"exitNode":["tag:sallyport"],"routes":{"198.18.0.0/15":["tag:sallyport"]}},` +
				`"grants":[{"src":["bo@acme.dev","tag:ci"],"dst":["tag:sallyport"],"ip":["tcp:53","udp:53","tcp:80"]},` +
				`{"src":["bo@acme.dev","tag:ci"],"dst":["autogroup:internet","198.18.0.0/15"],"ip":["*"]}]}`,
		},
		{
			"services only, nothing stated",
			dashboard.Tailnet{Routes: []string{"198.18.0.0/15", "10.4.0.0/24"}},
			`{"tagOwners":{"tag:agent":["autogroup:admin"],"tag:sallyport":["autogroup:admin"]},` +
				`"autoApprovers":{"routes":{"10.4.0.0/24":["tag:sallyport"],"198.18.0.0/15":["tag:sallyport"]}},` +
				`"grants":[{"src":["tag:agent"],"dst":["tag:sallyport"],"ip":["tcp:53","udp:53","tcp:80"]},` +
				`{"src":["tag:agent"],"dst":["198.18.0.0/15","10.4.0.0/24"],"ip":["*"]}]}`,
		},
	} {
		got, err := json.Marshal(fragment(&tc.in))
		if err != nil || string(got) != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, tc.want)
		}
		if exit := strings.Contains(strings.Join(steps(&tc.in), "\n"), "--exit-node="); exit != (tc.name == "exit node") {
			t.Errorf("%s: %q", tc.name, steps(&tc.in))
		}
	}
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	running := dashboard.Tailnet{State: "Running", Tags: []string{"tag:sallyport"}, Wanted: []string{"tag:sallyport"}}
	untagged, refused, sick := running, running, running
	untagged.Tags, refused.Refused, sick.Problems = nil, []string{"198.18.0.0/15"}, []string{"the key ends"}
	for _, tc := range []struct {
		name string
		in   dashboard.Status
		bad  []string
	}{
		{"well", dashboard.Status{Ready: "ready", Tailnet: &running}, nil},
		{"no tailnet", dashboard.Status{Ready: "ready"}, nil},
		{"starting", dashboard.Status{Ready: "it starts"}, []string{"the gateway is ready"}},
		{"a bad edit", dashboard.Status{Ready: "ready", ConfigError: "x"}, []string{"the configuration is in force"}},
		{"a secret", dashboard.Status{Ready: "ready", Warnings: []string{"no value"}}, []string{"nothing is missing"}},
		{"untagged", dashboard.Status{Ready: "ready", Tailnet: &untagged}, []string{"the node has its tags"}},
		{"not approved", dashboard.Status{Ready: "ready", Tailnet: &refused}, []string{"every route is approved"}},
		{"key", dashboard.Status{Ready: "ready", Tailnet: &sick, Warnings: sick.Problems}, []string{"the tailnet node has no problem"}},
		{"logged out", dashboard.Status{Ready: "ready", Tailnet: &dashboard.Tailnet{State: "NeedsLogin"}}, []string{"the node runs in the tailnet", "every route is approved"}},
	} {
		var bad []string
		for _, f := range diagnose(tc.in) {
			if !f.OK {
				bad = append(bad, f.Check)
			}
		}
		if !slices.Equal(bad, tc.bad) {
			t.Errorf("%s: found %q, want %q", tc.name, bad, tc.bad)
		}
	}
}
