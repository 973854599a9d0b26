package slack

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"sallyport.dev/sallyport/approval"

	api "github.com/slack-go/slack"
)

// A Card is the message that shows one ask in one channel.
type Card struct {
	Ask     string `json:"ask"`
	Channel string `json:"channel"` // as the configuration names it
	ID      string `json:"id"`      // of the channel
	TS      string `json:"ts"`      // of the message; "" while it is being posted
	Nonce   string `json:"nonce"`   // in the values of its buttons
	Shows   string `json:"shows"`   // tells one state of the message from another
}

// What Slack takes: 3,000 characters in a text, 2,000 in a field, 150 in a header, 50
// blocks. What is cut says by how much, so it is cut a little earlier.
const (
	maxText   = 2900
	maxLine   = 600
	maxShown  = 6000 // of what would be sent; the rest is in the dashboard
	maxHeader = 110
)

// render makes the blocks of an ask. Whatever an agent can choose stands in plain
// or preformatted text, in which Slack reads no mark, mention or link.
func (s *Slack) render(r approval.Request, nonce string) []api.Block {
	blocks := []api.Block{
		api.NewHeaderBlock(plainAt(title(r), maxHeader)),
		api.NewSectionBlock(nil, fields(r), nil),
		api.NewSectionBlock(plainAt(visible(r.Summary, false), maxLine), nil, nil),
	}
	for _, why := range reasons(r) {
		blocks = append(blocks, api.NewContextBlock("", plainAt(visible(why, false), maxLine)))
	}
	blocks = append(blocks, s.sample(r)...)
	for _, j := range r.Judges[:min(len(r.Judges), 5)] {
		blocks = append(blocks, api.NewContextBlock("", plainAt("Judge: "+visible(j, false), maxLine)))
	}
	if line := needs(r); line != "" {
		blocks = append(blocks, api.NewContextBlock("", plainAt(line, maxLine)))
	}
	if r.State != approval.Pending {
		return append(blocks, api.NewSectionBlock(plainAt(outcome(r), maxLine), nil, nil))
	}
	until := fmt.Sprintf("<!date^%d^Answer until {time_secs}, {date_short}|Answer until %s>", r.Expires.Unix(), r.Expires.UTC().Format(time.DateTime+" UTC"))
	return append(blocks, api.NewContextBlock("", api.NewTextBlockObject(api.MarkdownType, until, false, true)), s.buttons(r, nonce))
}

func (s *Slack) buttons(r approval.Request, nonce string) api.Block {
	value := r.ID + " " + nonce
	button := func(act, words string, style api.Style) *api.ButtonBlockElement {
		b := api.NewButtonBlockElement(act, value, plain(words))
		b.Style = style
		return b
	}
	var row []api.BlockElement
	if !r.StepUp {
		row = append(row, button(actOnce, "Allow once", api.StylePrimary))
		if r.Alike != "" {
			row = append(row, button(actSpan, "Allow alike for 15 min", ""))
		}
	}
	if page := s.page(r.ID); page != "" {
		words := "Open in the dashboard"
		if r.StepUp {
			words = "Allow in the dashboard"
		}
		link := button(actVisit, words, "")
		link.URL = page
		row = append(row, link)
	}
	return api.NewActionBlock("", append(row, button(actDeny, "Deny", api.StyleDanger))...)
}

func (s *Slack) page(id string) string {
	if s.conf.Page == nil {
		return ""
	}
	return s.conf.Page(id)
}

func title(r approval.Request) string {
	return visible(r.Agent, false) + " asks for " + visible(r.Service, false)
}

// fields are the short facts of a request.
func fields(r approval.Request) []*api.TextBlockObject {
	var list []*api.TextBlockObject
	add := func(name, value string) {
		if value != "" {
			list = append(list, plainAt(name+": "+visible(value, false), maxLine))
		}
	}
	add("Agent", r.Agent)
	add("Service", r.Service)
	add("Host", r.Host)
	add("Of", r.User)
	add("Kind", r.Kind)
	add("Allow alike means", r.Alike)
	return list
}

// reasons are why the rules ask.
func reasons(r approval.Request) []string {
	var list []string
	for i, rule := range r.Rules[:min(len(r.Rules), 5)] {
		why := "Rule: " + rule
		if i < len(r.Reasons) && r.Reasons[i] != "" {
			why += " (" + r.Reasons[i] + ")"
		}
		list = append(list, why)
	}
	return list
}

// sample shows what would be sent, and says what of it is not shown.
func (s *Slack) sample(r approval.Request) []api.Block {
	text := visible(r.Sample, true)
	shown := cut(text, maxShown)
	var blocks []api.Block
	for rest := shown; rest != ""; {
		piece := cut(rest, maxText)
		rest = rest[len(piece):]
		blocks = append(blocks, api.NewRichTextBlock("", &api.RichTextPreformatted{
			Type: api.RTEPreformatted, Elements: []api.RichTextSectionElement{api.NewRichTextSectionTextElement(piece, nil)},
		}))
	}
	var notes []string
	if left := len(text) - len(shown); left > 0 {
		notes = append(notes, fmt.Sprintf("%d more characters are not shown here: see the dashboard, or sallyport approvals show %s.", left, r.ID))
	}
	if r.Hidden > 0 {
		notes = append(notes, fmt.Sprintf("%d bytes of what would be sent are shown nowhere.", r.Hidden))
	}
	if r.Digest != "" {
		notes = append(notes, "SHA-256 of all of it: "+r.Digest)
	}
	if len(notes) > 0 {
		blocks = append(blocks, api.NewContextBlock("", plainAt(strings.Join(notes, " "), maxLine)))
	}
	return blocks
}

// needs says whose yes is there, where one is not enough.
func needs(r approval.Request) string {
	var parts []string
	for _, n := range r.Needs {
		if n.Require < 2 && len(r.Needs) < 2 {
			continue
		}
		who := n.Approver
		if who == "" {
			who = "operators"
		}
		parts = append(parts, fmt.Sprintf("%s: %d of %d %s", who, len(n.Have), n.Require, strings.Join(n.Have, ", ")))
	}
	return strings.Join(parts, "; ")
}

// outcome says how it ended.
func outcome(r approval.Request) string {
	at := " at " + r.Answered.UTC().Format(time.DateTime+" UTC")
	note := ""
	if r.Note != "" {
		note = ": " + visible(r.Note, false)
	}
	switch r.State {
	case approval.Approved:
		return "✅ Allowed by " + visible(r.By, false) + at + note
	case approval.Denied:
		return "⛔ Denied by " + visible(r.By, false) + at + note
	case approval.TimedOut:
		return "⌛ Nobody answered in time; it was denied" + at
	}
	return "✖ Withdrawn: the agent hung up or lost its access" + at
}

// shows tells one state of a message from another.
func shows(blocks []api.Block) string {
	raw, err := json.Marshal(blocks)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
