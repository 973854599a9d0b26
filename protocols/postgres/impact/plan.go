package impact

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Plan is what the planner says of one statement.
type Plan struct {
	Verb    string   // "Update"
	Changes []string // tables whose rows change
	Reads   []string // tables that are looked at
	Rows    float64  // that the planner expects to change
	Foreign bool     // it reaches beyond the server, or calls what makes rows
	known   bool
}

// A node is one step of a plan as EXPLAIN (FORMAT JSON) writes it.
type node struct {
	Type      string  `json:"Node Type"`
	Operation string  `json:"Operation"`
	Schema    string  `json:"Schema"`
	Relation  string  `json:"Relation Name"`
	Rows      float64 `json:"Plan Rows"`
	Plans     []node  `json:"Plans"`
}

const maxDepth = 200 // of a plan; deeper ones are not told

// Read reads the answer of EXPLAIN (VERBOSE, FORMAT JSON).
func Read(text string) Plan {
	var p Plan
	var all []struct{ Plan node }
	if json.Unmarshal([]byte(text), &all) != nil || len(all) != 1 {
		return p
	}
	p.known = p.add(&all[0].Plan, 0)
	return p
}

// add takes in a step and those below it.
func (p *Plan) add(n *node, depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch n.Type {
	case "Foreign Scan", "Function Scan", "Table Function Scan", "Custom Scan":
		p.Foreign = true
	}
	if n.Type == "ModifyTable" {
		p.Verb = n.Operation
		once(&p.Changes, n.table())
		for i := range n.Plans {
			p.Rows += n.Plans[i].Rows
		}
	} else if n.Relation != "" {
		once(&p.Reads, n.table())
	}
	for i := range n.Plans {
		if !p.add(&n.Plans[i], depth+1) {
			return false
		}
	}
	return true
}

func (n *node) table() string {
	if n.Schema == "" {
		return n.Relation
	}
	return n.Schema + "." + n.Relation
}

func once(list *[]string, s string) {
	if s != "" && s != "." && !slices.Contains(*list, s) {
		*list = append(*list, s)
	}
}

// line is the plan for people. Names of tables may be an agent's.
func (p Plan) line() string {
	if !p.known || p.Verb == "" {
		return "impact: not known, the planner gave no answer\n"
	}
	rows := "rows"
	if p.Rows == 1 {
		rows = "row"
	}
	s := fmt.Sprintf("impact: %s of about %.0f %s in %s", strings.ToLower(p.Verb), p.Rows, rows, listed(p.Changes))
	if others := slices.DeleteFunc(slices.Clone(p.Reads), func(t string) bool { return slices.Contains(p.Changes, t) }); len(others) > 0 {
		s += ", reads " + listed(others)
	}
	return s + " (the planner's estimate; nothing was run)\n"
}

const maxListed = 20

func listed(tables []string) string {
	if len(tables) > maxListed {
		tables = append(slices.Clone(tables[:maxListed]), fmt.Sprintf("%d more", len(tables)-maxListed))
	}
	words := make([]string, len(tables))
	for i, t := range tables {
		words[i] = t
		if quoted := strconv.QuoteToASCII(t); quoted != `"`+t+`"` {
			words[i] = quoted
		}
	}
	return strings.Join(words, ", ")
}
