package refusal

import (
	"net/http"
	"strings"
)

// A Shape is whose errors a client reads. The zero Shape is nobody's but RFC 9457's.
type Shape uint8

// The shapes of APIs of language models. OpenAI's and Google's stand in the problem as
// a member of their own; Anthropic's takes the problem's type for itself.
const (
	Plain Shape = iota
	OpenAI
	Anthropic
	Google
)

// Of gives the shape of the API that a request to a model speaks, by its path.
// Anthropic's is told by the version that its clients state besides: who does not
// state it reads a plain problem.
func Of(path string, h http.Header) Shape {
	switch {
	case h.Get("Anthropic-Version") != "":
		return Anthropic
	case strings.HasSuffix(path, ":generateContent"), strings.HasSuffix(path, ":streamGenerateContent"), strings.HasSuffix(path, ":countTokens"), strings.HasSuffix(path, ":embedContent"):
		return Google
	case strings.Contains(path, "/v1/messages"):
		return Plain
	}
	return OpenAI
}

// An openAI error is what the libraries for its API and for those like it show.
type openAI struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    string  `json:"code"`
}

// An anthropic error, as its API has them.
type anthropic struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// A google error, as its APIs have them.
type google struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
}

// shape adds to a document what a client of the shape looks for, and gives its media
// type.
func (p *Problem) shape(d *document) string {
	const problem = "application/problem+json"
	switch p.Shape {
	case OpenAI:
		d.Error = openAI{Message: p.words(), Type: p.word("request_forbidden", "requests", "invalid_request_error", "server_error"), Code: strings.ReplaceAll(p.Kind, "-", "_")}
	case Anthropic:
		d.Problem, d.Type = d.Type, "error"
		d.Error = anthropic{Type: p.word("permission_error", "rate_limit_error", "invalid_request_error", "api_error"), Message: p.words()}
		return "application/json"
	case Google:
		d.Error = google{Code: p.Status, Message: p.words(), Status: p.word("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "UNAVAILABLE")}
	}
	return problem
}

// word is one of four, by the status.
func (p *Problem) word(forbidden, tooMany, wrong, failed string) string {
	switch {
	case p.Status == http.StatusForbidden:
		return forbidden
	case p.Status == http.StatusTooManyRequests:
		return tooMany
	case p.Status >= http.StatusInternalServerError:
		return failed
	}
	return wrong
}

// detail says what a client needs that shows nothing else (RFC 9457, section 3.1.4): why,
// and what would put it right. The members reason and next_step are the two for programs.
func (p *Problem) detail() string { return strings.TrimSpace(p.Reason + " " + p.Next) }

// words say in one line why, and what the agent may do now.
func (p *Problem) words() string {
	parts := []string{p.Title + ":", p.Reason}
	if p.Rule != "" {
		parts = append(parts, "(rule "+p.Rule+")")
	}
	parts = append(parts, p.Next)
	if url := p.operation(); url != "" {
		parts = append(parts, "approval_url: "+url)
	}
	if p.ID != "" {
		parts = append(parts, "action_id: "+p.ID)
	}
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}
