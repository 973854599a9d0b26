package action

// A Usage is what one answer of a language model took, as its provider counts it.
// The numbers are what the other end says: bounded, and good for a bill, but no
// proof of anything.
type Usage struct {
	Provider string `json:"provider"`        // the preset's name, else whose shape the answer has
	Asked    string `json:"asked,omitempty"` // the model of the request, where it was read
	Model    string `json:"model,omitempty"` // the one that answered

	Input          int64 `json:"input,omitempty"`            // tokens that no cache had
	CacheRead      int64 `json:"cache_read,omitempty"`       // that one had
	CacheWrite     int64 `json:"cache_write,omitempty"`      // that were put there, for 5 minutes or for the usual time
	CacheWriteLong int64 `json:"cache_write_long,omitempty"` // for an hour
	Output         int64 `json:"output,omitempty"`           // with those of Reasoning
	Reasoning      int64 `json:"reasoning,omitempty"`
	Audio          int64 `json:"audio,omitempty"` // of either direction, counted above too

	Tier      string `json:"tier,omitempty"`      // of the service, where it is not the usual one: "priority", "batch"
	Estimated bool   `json:"estimated,omitempty"` // the answer did not say all of it
	Cost      int64  `json:"cost_nano,omitempty"` // in billionths of a US dollar
	Price     string `json:"price,omitempty"`     // what Cost was worked out by; "": it has no price
}

// Prompt is every token that went in.
func (u *Usage) Prompt() int64 { return u.Input + u.CacheRead + u.CacheWrite + u.CacheWriteLong }

// A Price is what a million tokens cost, in millionths of a US dollar: $2.50 is
// 2500000. A part that is negative is not stated, and costs what Input or Output do.
type Price struct {
	Input, CacheRead, CacheWrite, CacheWriteLong, Output int64
}
