package roles

import (
	"errors"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/protocols/http"
	"sallyport.dev/sallyport/protocols/postgres"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/tcp"
)

// policyOptions are those of the gateway's own build.
func policyOptions() policy.Options {
	return policy.Options{
		Tables:    tables(),
		Protocols: map[string]error{"http": nil, "postgres": sql.Available(), "tcp": nil},
		Trials: map[string]func(*action.Service, action.Trial) (*action.Action, error){
			"http": http.Trial, "postgres": postgres.Trial, "tcp": tcp.Trial,
		},
	}
}

func tables() []action.FactTable {
	return []action.FactTable{http.Facts(), postgres.Facts(), tcp.Facts()}
}

// LoadPolicy loads a configuration as the gateway does.
func LoadPolicy(path string) (*policy.Policy, error) {
	p, files, diags := policy.Load(path, policyOptions())
	if p != nil {
		return p, nil
	}
	var text strings.Builder
	if err := policy.WriteDiagnostics(&text, files, diags, false); err != nil {
		return nil, err
	}
	return nil, errors.New(text.String())
}
