package record

import (
	"encoding/json"
	"slices"
	"strings"
)

// veil stands in a trace in place of what a step made of a body.
const veil = "[hidden]"

// veiled gives a trace without the values that were made of what a body says. What
// cannot be read is not given away.
func veiled(trace json.RawMessage) json.RawMessage {
	if len(trace) == 0 {
		return trace
	}
	var parts any
	if json.Unmarshal(trace, &parts) != nil {
		return nil
	}
	cover(parts)
	less, err := marshal(parts)
	if err != nil {
		return nil
	}
	return less
}

// cover puts the veil into every step of a trace that was made of a body.
func cover(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			cover(item)
		}
	case map[string]any:
		if what, ok := v["what"].(string); ok && (v["body"] == true || bodily(what)) {
			v["value"] = veil
		}
		for _, item := range v {
			cover(item)
		}
	}
}

// bodily reports whether a step reads a body by its words: records of older versions
// do not say it otherwise.
func bodily(what string) bool {
	return slices.ContainsFunc([]string{"http.json", "http.form", "http.args", "http.body", "http.effective_method", "mcp.arguments", "sql.params", "sql.limit"}, func(fact string) bool {
		return strings.Contains(what, fact)
	})
}
