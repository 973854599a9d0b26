package setup

import (
	"encoding/json"
	"strings"
	"testing"

	"sallyport.dev/sallyport/dashboard"
)

// operators ends the policy.
func operators(ports string) string {
	return `{"src":["autogroup:admin"],"dst":["tag:sallyport"],"ip":[` + ports + `],"app":{"sallyport.dev/cap/sallyport":[{"role":"admin"}]}}]}`
}

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
				`{"src":["bo@acme.dev","tag:ci"],"dst":["autogroup:internet","198.18.0.0/15"],"ip":["*"]},` + operators(`"tcp:80","tcp:443","tcp:8484"`),
		},
		{
			"services only, nothing stated",
			dashboard.Tailnet{Routes: []string{"198.18.0.0/15", "10.4.0.0/24"}, HTTPS: true},
			`{"tagOwners":{"tag:agent":["autogroup:admin"],"tag:sallyport":["autogroup:admin"]},` +
				`"autoApprovers":{"routes":{"10.4.0.0/24":["tag:sallyport"],"198.18.0.0/15":["tag:sallyport"]}},` +
				`"grants":[{"src":["tag:agent"],"dst":["tag:sallyport"],"ip":["tcp:53","udp:53","tcp:80"]},` +
				`{"src":["tag:agent"],"dst":["198.18.0.0/15","10.4.0.0/24"],"ip":["*"]},` + operators(`"tcp:80","tcp:443"`),
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

func TestThePolicyForHeadscale(t *testing.T) {
	in := dashboard.Tailnet{
		Wanted: []string{"tag:sallyport"}, Members: []string{"tag:ci"}, Control: "https://headscale.example",
		Routes: []string{"0.0.0.0/0", "198.18.0.0/15", "::/0"},
	}
	const want = `{"tagOwners":{"tag:ci":[],"tag:sallyport":[]},` +
		`"autoApprovers":{"exitNode":["tag:sallyport"],"routes":{"198.18.0.0/15":["tag:sallyport"]}},` +
		`"acls":[{"action":"accept","src":["tag:ci"],"dst":["tag:sallyport:53,80"]},` +
		`{"action":"accept","src":["tag:ci","tag:sallyport"],"dst":["autogroup:internet:*","198.18.0.0/15:*"]}]}`
	if got, err := json.Marshal(headscale(&in)); err != nil || string(got) != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
