package placeholder

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"sallyport.dev/sallyport/vault"
)

func maker(fill byte) *Maker { return New(vault.NewSecret(bytes.Repeat([]byte{fill}, KeySize))) }

// Placeholders look as the SDKs and scanners of their vendors expect.
func TestShapes(t *testing.T) {
	m := maker(1)
	for variable, want := range map[string]string{
		"OPENAI_API_KEY":           `^sk-proj-[0-9A-Za-z]{48}$`,
		"ANTHROPIC_API_KEY":        `^sk-ant-api03-[0-9A-Za-z_-]{93}AA$`,
		"OPENROUTER_API_KEY":       `^sk-or-v1-[0-9a-f]{64}$`,
		"AZURE_OPENAI_API_KEY":     `^[0-9a-f]{32}$`,
		"GEMINI_API_KEY":           `^AIza[0-9A-Za-z_-]{35}$`,
		"GITHUB_TOKEN":             `^ghp_[0-9A-Za-z]{36}$`,
		"GITLAB_TOKEN":             `^glpat-[0-9A-Za-z_-]{20}$`,
		"STRIPE_API_KEY":           `^sk_test_[0-9A-Za-z]{24,}$`,
		"NOTION_TOKEN":             `^ntn_[0-9A-Za-z]{46}$`,
		"LINEAR_API_KEY":           `^lin_api_[0-9A-Za-z]{40}$`,
		"SLACK_BOT_TOKEN":          `^xoxb-[0-9A-Za-z-]{48}$`,
		"JIRA_API_TOKEN":           `^ATATT3[0-9A-Za-z_=-]{186}$`,
		"AWS_ACCESS_KEY_ID":        `^AKIA[A-Z2-7]{16}$`,
		"AWS_SECRET_ACCESS_KEY":    `^[0-9A-Za-z/+]{40}$`,
		"AWS_BEARER_TOKEN_BEDROCK": `^ABSK[0-9A-Za-z+/=]{128}$`,
		"ANYTHING_ELSE":            `^spk_[0-9A-Za-z]{40}$`,
	} {
		got := m.Of("agent", "service", variable)
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: %s is not %s", variable, got, want)
		}
		if got != maker(1).Of("agent", "service", variable) {
			t.Errorf("%s: another one after a restart", variable)
		}
		for _, other := range []string{
			maker(2).Of("agent", "service", variable), m.Of("agen", "tservice", variable), m.Of("other", "service", variable), m.Of("agent", "other", variable),
		} {
			if other == got {
				t.Errorf("%s: two have %s", variable, got)
			}
		}
	}
	if got := checksum("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"); got != "0mLq17" { // of a token that GitHub revoked and published
		t.Errorf("the checksum of a published token is %s", got)
	}
}

// A placeholder is found raw and in the forms that clients write keys in, and what
// belongs to another gateway is not.
func TestIn(t *testing.T) {
	m := maker(1)
	for _, variable := range []string{"OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AWS_ACCESS_KEY_ID", "GITLAB_TOKEN", "X"} {
		p := m.Of("agent", "service", variable)
		if token, ok := m.In([]byte(`{"key":"` + p + `"}`)); !ok || token != p {
			t.Errorf("%s: found %q, %v", variable, token, ok)
		}
		for lead := range 3 {
			coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(":", lead) + p))
			if _, ok := m.In([]byte("Basic " + coded)); !ok {
				t.Errorf("%s in base64 after %d: not found", variable, lead)
			}
		}
		if _, ok := maker(2).In([]byte(p)); ok {
			t.Errorf("%s: another gateway takes it for its own", variable)
		}
	}
	if _, ok := m.In([]byte("an ordinary text, sk-proj- and all")); ok {
		t.Error("found in a text without one")
	}
}

// However a body comes in pieces, each that stands in it is found, once, and as a whole;
// what comes after its end is found as well.
func TestStream(t *testing.T) {
	m := maker(1)
	first, other := m.Of("a", "s", "OPENAI_API_KEY"), m.Of("a", "s", "X")
	for _, around := range []string{strings.Repeat("x", 300), strings.Repeat("-", 300), ""} {
		text := []byte(around + " " + first + " " + around + other)
		for size := 1; size < len(text)+1; size++ {
			var seen []string
			s := m.Watch(nil, nil, func(s Sighting) { seen = append(seen, s.Token) }).Stream("body")
			for range 2 {
				for rest := text; len(rest) > 0; {
					n := min(size, len(rest))
					s.Pass(rest[:n])
					rest = rest[n:]
				}
				s.End()
			}
			// What stands before one may be a part of it.
			for _, token := range seen {
				if !strings.Contains(token, first) && !strings.Contains(token, other) {
					t.Fatalf("in pieces of %d: %q", size, token)
				}
			}
			if len(seen) != 4 || !strings.Contains(seen[0], first) || !strings.Contains(seen[1], other) {
				t.Fatalf("in pieces of %d: %d alarms, %q", size, len(seen), seen)
			}
		}
	}
	var none *Watch
	s := none.Stream("body")
	s.Pass([]byte(first))
	s.End()
}

// What goes on and on is told of without waiting for its end.
func TestStreamWithoutAnEnd(t *testing.T) {
	m := maker(1)
	told := ""
	s := m.Watch(nil, nil, func(s Sighting) { told = s.Token }).Stream("body")
	s.Pass([]byte(m.Of("a", "s", "X")))
	for range 100 {
		s.Pass([]byte("xxxxxxxxxx"))
	}
	if !strings.HasPrefix(told, m.Of("a", "s", "X")) || len(told) != longest {
		t.Errorf("%q", told)
	}
}

// One alarm covers no other: the agent's own placeholder, in front and again and again,
// does not hide another agent's, however long nothing ends. Many are told of, not all.
func TestOneSightingHidesNoOther(t *testing.T) {
	m := maker(1)
	own, other := m.Of("a", "s", "X"), m.Of("b", "s", "X")
	for size := 1; size < 200; size++ {
		var seen []string
		s := m.Watch(nil, nil, func(s Sighting) { seen = append(seen, s.Token) }).Stream("message")
		for rest := []byte(own + " " + own + strings.Repeat(" x", 500) + " " + own + "," + other + "," + own + "."); len(rest) > 0; {
			n := min(size, len(rest))
			s.Pass(rest[:n])
			rest = rest[n:]
		}
		if len(seen) != 2 || seen[0] != own || seen[1] != other {
			t.Fatalf("in pieces of %d: %q", size, seen)
		}
	}
	n := 0
	s := m.Watch(nil, nil, func(Sighting) { n++ }).Stream("message")
	for i := range 100 {
		s.Pass([]byte(m.Of(strings.Repeat("a", i), "s", "X") + " "))
	}
	if n != mostTold {
		t.Errorf("%d alarms", n)
	}
}

func FuzzStream(f *testing.F) {
	m := maker(1)
	f.Add([]byte("text"), 3)
	f.Add([]byte(m.Of("a", "s", "OPENAI_API_KEY")), 7)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		_, whole := m.In(b)
		found := false
		s := m.Watch(nil, nil, func(Sighting) { found = true }).Stream("body")
		for rest := b; len(rest) > 0; {
			n := min(1+max(0, size)%64, len(rest))
			s.Pass(rest[:n])
			rest = rest[n:]
		}
		s.End()
		if found != whole {
			t.Fatalf("whole %v, in pieces %v", whole, found)
		}
	})
}

func BenchmarkIn(b *testing.B) {
	m := maker(1)
	text := bytes.Repeat([]byte("an ordinary body of a request, "), 500)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		m.In(text)
	}
}
