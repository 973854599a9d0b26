package slack

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/sallyport/approval"
)

// hostile are texts that mean something to Slack where it reads marks.
var hostile = []string{
	"<!channel> <!here> <!everyone>", "<@U123>", "<#C123>", "<!subteam^S123>", "<https://evil.example.com|Approve>", "https://evil.example.com/x",
	"*bold* _it_ ~no~ `code` ```block```", ":white_check_mark: Allowed by ana@acme.dev", "> quoted", "&lt;!channel&gt;", "<!date^1^{date}|x>", "mailto:a@b.c",
	"deny \u202ewolla\u202c", "a\u200bb\u2060c\ufeff", "\x1b[2J\x00\x07", "x\r\ny", strings.Repeat("\u202e", 3000), strings.Repeat("語", 5000), "\xff\xfe", "a\ufe0f\U000e0041b",
	strings.Repeat("line\n", 4000),
}

func request(text string) approval.Request {
	return approval.Request{
		ID: "1", State: approval.Pending, Agent: text, User: text, Service: text, Host: text, Kind: text, Summary: text, Sample: text, Hidden: 7,
		Digest: "ab", Alike: text, Rules: []string{text}, Reasons: []string{text}, Judges: []string{text}, Note: text, By: text,
		Needs: []approval.Need{{Approver: "approver.two", Require: 2, Have: []string{"ana@acme.dev"}}}, Expires: time.Unix(1_800_000_000, 0),
	}
}

// TestT41_TextOfAnAgentIsOnlyText proves that whatever an agent writes stands where
// Slack reads no marks, shows what it is made of, and fits.
func TestT41_TextOfAnAgentIsOnlyText(t *testing.T) {
	s := New(Config{Page: func(id string) string { return "https://sallyport.acme.dev/" + id }})
	for _, text := range hostile {
		for _, state := range []approval.State{approval.Pending, approval.Approved, approval.Denied, approval.TimedOut, approval.Cancelled} {
			r := request(text)
			r.State = state
			raw, err := json.Marshal(s.render(r, "nonce"))
			if err != nil {
				t.Fatal(err)
			}
			var blocks []any
			if err := json.Unmarshal(raw, &blocks); err != nil || len(blocks) > 50 || len(raw) > 60000 {
				t.Fatalf("%.20q: %d blocks, %d bytes, %v", text, len(blocks), len(raw), err)
			}
			walk(t, text, blocks)
			header, _ := blocks[0].(map[string]any)["text"].(map[string]any)
			if words, _ := header["text"].(string); utf8.RuneCountInString(words) > 150 {
				t.Errorf("%.20q: a header of %d characters", text, utf8.RuneCountInString(words))
			}
		}
	}
}

// walk looks at every text of a message.
func walk(t *testing.T, text string, v any) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			walk(t, text, e)
		}
	case map[string]any:
		kind, words := v["type"], v["text"]
		if s, ok := words.(string); ok {
			check(t, text, kind, s)
			if v["emoji"] == true {
				t.Errorf("%.20q: emoji are read in %.60q", text, s)
			}
		}
		switch kind {
		case "link", "user", "usergroup", "channel", "broadcast", "emoji":
			t.Errorf("%.20q: an element %v", text, kind)
		}
		for _, e := range v {
			walk(t, text, e)
		}
	}
}

func check(t *testing.T, text string, kind any, s string) {
	t.Helper()
	switch kind {
	case "mrkdwn":
		if !strings.HasPrefix(s, "<!date^1800000000^") || strings.Contains(s, "evil") || strings.Count(s, "<") != 1 {
			t.Errorf("%.20q: marks are read in %.80q", text, s)
		}
	case "plain_text", "text":
	default:
		t.Errorf("%.20q: a text of kind %v", text, kind)
	}
	if len(s) > 3000 || s == "" {
		t.Errorf("%.20q: a text of %d bytes", text, len(s))
	}
	for _, r := range s {
		if r != '\n' && r != '\t' && (!unicode.IsPrint(r) || unicode.Is(unicode.Variation_Selector, r)) || r == unicode.ReplacementChar {
			t.Errorf("%.20q: %U is not visible in %.60q", text, r, s)
			return
		}
	}
}

// TestT40_WhatIsLeftOutIsSaid proves that a card tells how much it does not show.
func TestT40_WhatIsLeftOutIsSaid(t *testing.T) {
	s := New(Config{})
	r := request("x")
	r.Sample = strings.Repeat("0123456789", maxShown/10) + "the end"
	raw, err := json.Marshal(s.render(r, "n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"7 more characters are not shown here", "7 bytes of what would be sent are shown nowhere", "SHA-256 of all of it: ab"} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("no %q in %s", want, raw)
		}
	}
	if strings.Contains(string(raw), "the end") {
		t.Error("it is shown")
	}
}

func TestTheNotificationIsOurs(t *testing.T) {
	for _, text := range hostile {
		r := request(text)
		if got := line(r); strings.ContainsAny(got, "<>&*_~`:@") || strings.Contains(got, "evil") {
			t.Errorf("%q", got)
		}
	}
}

func FuzzVisible(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, s string, lines bool) {
		for _, r := range visible(s, lines) {
			if !(lines && (r == '\n' || r == '\t')) && !unicode.IsPrint(r) {
				t.Errorf("%U of %q", r, s)
			}
		}
		if c := cut(s, 10); len(c) > 10 || !strings.HasPrefix(s, c) {
			t.Errorf("%q is cut to %q", s, c)
		}
	})
}

// TestT41_AnAlertIsOnlyText proves that what an alert names, such as a machine whose
// name an agent has chosen, is read by Slack no more than the text of an ask.
func TestT41_AnAlertIsOnlyText(t *testing.T) {
	s := New(Config{Mask: func(text string) string { return strings.ReplaceAll(text, "hunter2", "***") }})
	for _, text := range hostile {
		raw, err := json.Marshal(s.sentences([]string{"Alert: " + text, "Agent: " + text, text, "the key is hunter2"}))
		if err != nil {
			t.Fatal(err)
		}
		var blocks []any
		if err := json.Unmarshal(raw, &blocks); err != nil || len(blocks) != 4 || len(raw) > 20000 {
			t.Fatalf("%.20q: %d blocks, %d bytes, %v", text, len(blocks), len(raw), err)
		}
		walk(t, text, blocks)
		if got := string(raw); strings.Contains(got, "mrkdwn") || strings.Contains(got, "hunter2") || strings.Contains(got, "button") {
			t.Errorf("%.20q: %s", text, got)
		}
	}
	if n := len(s.sentences(make([]string, 100))); n != maxSayLines {
		t.Errorf("%d blocks", n)
	}
}
