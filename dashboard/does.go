package dashboard

import (
	"bytes"
	"encoding/json"
	"strings"

	"sallyport.dev/sallyport/audit"
)

// A Turn is what the body of a request asks for, where an operation says how it is
// read: a turn of a language model, a call of a tool, a query of GraphQL.
type Turn struct {
	Kind  string   `json:"kind"` // "model", "tool", "rpc" or "graphql"
	Names []string `json:"names,omitempty"`
}

// turnOf reads that out of the facts of a record; nil for a request whose body was
// not read so.
func turnOf(r *audit.Record) *Turn {
	if len(r.Parts) == 0 || !bytes.Contains(r.Parts[0].Facts, []byte(`"call":`)) {
		return nil
	}
	var facts struct {
		Size int64 `json:"size"` // of the body
		Call struct {
			LLM *struct {
				Model string `json:"model"`
			} `json:"llm"`
			RPC *struct {
				Methods []string `json:"methods"`
				Tools   []string `json:"tools"`
			} `json:"rpc"`
			GraphQL *struct {
				Types   []string `json:"types"`
				Fields  []string `json:"fields"`
				Unclear bool     `json:"unclear"`
			} `json:"graphql"`
		} `json:"call"`
	}
	if json.Unmarshal(r.Parts[0].Facts, &facts) != nil {
		return nil // of another version; the record's own page shows it as it is
	}
	switch c := facts.Call; {
	case c.LLM != nil:
		return &Turn{"model", few([]string{c.LLM.Model})}
	case c.RPC != nil && len(c.RPC.Tools) > 0:
		return &Turn{"tool", few(c.RPC.Tools)}
	case c.RPC != nil:
		return &Turn{"rpc", few(c.RPC.Methods)}
	case c.GraphQL != nil && c.GraphQL.Unclear && facts.Size == 0:
		return nil // any request without a body, to a service that speaks GraphQL elsewhere
	case c.GraphQL != nil:
		return &Turn{"graphql", few(append(c.GraphQL.Types, c.GraphQL.Fields...))}
	}
	return nil
}

// few bounds what a list shows of names that an agent chose.
func few(names []string) []string {
	const most, letters = 4, 80
	var list []string
	for _, n := range names {
		if n == "" || len(list) == most {
			continue
		}
		if r := []rune(n); len(r) > letters {
			n = string(r[:letters]) + "…"
		}
		list = append(list, strings.ToValidUTF8(n, "�"))
	}
	return list
}
