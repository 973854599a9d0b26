// Package trace is how a decision came about, in words: every rule that was
// considered, the attribute or sub-expression that decided, and the values that
// it was held against. It also makes the short form that is kept with a record.
// It judges nothing.
package trace

// A Part is one part of an action and every rule that was held against it.
type Part struct {
	Effects    string   `json:"effects"`
	Operations []string `json:"operations,omitempty"`
	Control    bool     `json:"control,omitempty"`
	Posture    string   `json:"posture"`
	Verdict    string   `json:"verdict"` // of the posture
	Rules      []Rule   `json:"rules,omitempty"`
	More       int      `json:"more,omitempty"` // rules that the short form has no room for
}

// A Rule is one rule held against one part.
type Rule struct {
	Rule    string  `json:"rule"`
	Verdict string  `json:"verdict"`
	Outcome string  `json:"outcome"` // "denies", "asks", "allows", "would …", "does not match", "pending"
	Because string  `json:"because,omitempty"`
	Checks  []Check `json:"checks,omitempty"`
}

// A Check is one attribute or sub-expression and what it was held against.
type Check struct {
	What    string `json:"what"`
	Value   string `json:"value"`
	Matches string `json:"matches,omitempty"` // "yes", "partly", "no", "unknown", "pending"; "" for a sub-expression
	Depth   int    `json:"depth,omitempty"`
	Body    bool   `json:"body,omitempty"` // Value is made of what a body says
}
