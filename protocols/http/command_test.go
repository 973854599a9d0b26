package http

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/ask"
)

// Of a command that Kubernetes is asked to run the record has no secret, and whoever
// is asked is shown none; the rules judge what it is.
func TestTheSecretsOfACommand(t *testing.T) {
	a, err := Trial(&action.Service{Name: "k8s"}, action.Trial{
		Method: "POST", URL: "/api/v1/namespaces/n/pods/p/exec?command=curl&command=-H&command=X-Vault-Token:+hunter2&command=Authorization:+Bearer+hunter3&stdin=true",
	})
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := json.Marshal(a.Parts[0].Facts)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(recorded), a.Summary, string(a.Sample)} {
		if strings.Contains(text, "hunter") {
			t.Error(text)
		}
	}
	if !strings.Contains(a.Summary, "command=X-Vault-Token%3A+[hidden]") {
		t.Error(a.Summary)
	}
	kept := ask.Table().New()
	if err := json.Unmarshal(recorded, kept); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(ask.Table().Facts, func(f action.FactSpec) bool { return f.Name == "http.query_all" })
	all := ask.Table().Facts[i].KeyList
	if got, s := all(a.Parts[0].Facts, "command"); s != action.Known || !slices.Equal(got, []string{"curl", "-H", "X-Vault-Token: hunter2", "Authorization: Bearer hunter3"}) {
		t.Errorf("the rules see %q, %d", got, s)
	}
	if got, s := all(kept, "command"); s != action.Unknown {
		t.Errorf("judged again, they see %q, %d", got, s)
	}
	if got, s := all(kept, "stdin"); s != action.Known || !slices.Equal(got, []string{"true"}) {
		t.Errorf("judged again, they see %q, %d", got, s)
	}
}
