package main

import (
	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/cmd/sallyport/fetch"
	"sallyport.dev/sallyport/docs"
	"sallyport.dev/sallyport/gateway/probe"
	"sallyport.dev/sallyport/internal/node"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/http"
	httpprobe "sallyport.dev/sallyport/protocols/http/probe"
	"sallyport.dev/sallyport/protocols/postgres"
	pgprobe "sallyport.dev/sallyport/protocols/postgres/probe"
	"sallyport.dev/sallyport/protocols/postgres/sql"
	"sallyport.dev/sallyport/protocols/tcp"
)

// build lists what this program contains.
func build() node.Build {
	return node.Build{
		Remote:    fetch.Remote,
		Protocols: []protocols.Protocol{http.New(), postgres.New(), tcp.New()},
		Docs:      docs.Files(),
		Tries:     map[string]probe.Try{"http": httpprobe.Try, "postgres": pgprobe.Try},
		Policy: policy.Options{
			Tables:    []action.FactTable{http.Facts(), postgres.Facts(), tcp.Facts()},
			Protocols: map[string]error{"http": nil, "postgres": sql.Available(), "tcp": nil},
			Trials: map[string]func(*action.Service, action.Trial) (*action.Action, error){
				"http": http.Trial, "postgres": postgres.Trial, "tcp": tcp.Trial,
			},
		},
	}
}
