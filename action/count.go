package action

import "time"

// A Count is a rule with a limit that an action met. The action may be sent only
// if each of Of has had fewer than Limit of them within Window, this one's own
// included from the moment before it is sent.
type Count struct {
	Rule   string        `json:"rule"`
	Limit  int           `json:"limit"`
	Window time.Duration `json:"window_ns"`
	Of     []string      `json:"of,omitempty"` // whose actions are counted together: "agent ID", "role NAME", "all"
}
