// Package placeholder makes what agents hold in place of keys: dummies that look as
// their SDKs expect, one for each agent, service and variable, the same as long as the
// gateway keeps its key. It knows them again wherever they turn up; it holds no secret.
package placeholder

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/scrub"
)

// KeySize is how many random bytes a Maker takes.
const KeySize = 32

// The alphabets that keys are written in.
const (
	letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	hexes   = "0123456789abcdef"
	base32  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// tagLength is how much of every placeholder is the gateway's own mark: enough that
// nothing else holds it, and as much as a Matcher looks for.
const tagLength = scrub.Least

// maxLead is how much before the mark may be a part of a placeholder, in any form: more
// would push the placeholder itself out of what is told of.
const maxLead = 32

// A Maker makes placeholders of one gateway. It is safe for concurrent use.
type Maker struct {
	key  vault.Secret
	tags map[string]string // by alphabet
	find *scrub.Matcher
}

// New makes a Maker of a key.
func New(key vault.Secret) *Maker {
	m := &Maker{key: key, tags: map[string]string{}}
	var marks [][]byte
	for _, alphabet := range []string{letters, hexes, base32} {
		tag := m.text(alphabet, tagLength, "mark", alphabet)
		m.tags[alphabet] = tag
		marks = append(marks, []byte(tag))
	}
	m.find = scrub.New(marks...)
	return m
}

// Of gives the placeholder of an agent for a variable of a service.
func (m *Maker) Of(agent, service, variable string) string {
	s := shapeOf(variable)
	body := m.tags[s.alphabet]
	body += m.text(s.alphabet, s.length-len(body), "placeholder", agent, service, variable)
	if s.checked {
		body += checksum(body)
	}
	return s.prefix + body + s.suffix
}

// In reports whether a placeholder of this gateway stands in b, in any form that it
// may be written in, and gives what of it can be read.
func (m *Maker) In(b []byte) (token string, ok bool) {
	from, to, ok := m.place(b)
	return string(b[from:to]), ok
}

// place gives where a placeholder stands in b, with all that may be a part of it.
func (m *Maker) place(b []byte) (from, to int, ok bool) {
	from, to, ok = m.find.First(b)
	if !ok {
		return 0, 0, false
	}
	for least := max(0, from-maxLead); from > least && word(b[from-1]); {
		from--
	}
	return from, to + words(b[to:]), true
}

// Longest is the length of the longest form of a mark.
func (m *Maker) Longest() int { return m.find.Longest() }

// words gives how many bytes at the beginning of b may be a part of a placeholder.
func words(b []byte) int {
	n := 0
	for n < len(b) && word(b[n]) {
		n++
	}
	return n
}

func word(c byte) bool { return c == '_' || c == '-' || strings.IndexByte(letters, c) >= 0 }

// text gives n characters that only the key and the words decide.
func (m *Maker) text(alphabet string, n int, words ...string) string {
	out := make([]byte, 0, n)
	// A byte below the largest multiple of the alphabet's length is as good as another.
	most := 256 - 256%len(alphabet)
	for block := uint32(0); len(out) < n; block++ {
		h := hmac.New(sha256.New, m.key.Reveal())
		for _, w := range words {
			h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(w))))
			h.Write([]byte(w))
		}
		h.Write(binary.BigEndian.AppendUint32(nil, block))
		for _, c := range h.Sum(nil) {
			if int(c) < most && len(out) < n {
				out = append(out, alphabet[int(c)%len(alphabet)])
			}
		}
	}
	return string(out)
}

// A shape is how a key of some kind looks.
type shape struct {
	prefix   string
	alphabet string
	length   int // without prefix and suffix
	suffix   string
	checked  bool // ends with GitHub's checksum
}

// shapeOf gives the shape of the keys that SDKs take from a variable; keys of others
// look like nothing else.
func shapeOf(variable string) shape {
	switch variable {
	case "OPENAI_API_KEY":
		return shape{prefix: "sk-proj-", alphabet: letters, length: 48}
	case "ANTHROPIC_API_KEY":
		return shape{prefix: "sk-ant-api03-", alphabet: letters, length: 93, suffix: "AA"}
	case "OPENROUTER_API_KEY":
		return shape{prefix: "sk-or-v1-", alphabet: hexes, length: 64}
	case "AZURE_OPENAI_API_KEY":
		return shape{alphabet: hexes, length: 32}
	case "GEMINI_API_KEY", "GOOGLE_API_KEY":
		return shape{prefix: "AIzaSy", alphabet: letters, length: 33}
	case "GITHUB_TOKEN", "GH_TOKEN":
		return shape{prefix: "ghp_", alphabet: letters, length: 30, checked: true}
	case "GITLAB_TOKEN":
		return shape{prefix: "glpat-", alphabet: letters, length: 20}
	case "STRIPE_API_KEY", "STRIPE_SECRET_KEY":
		return shape{prefix: "sk_test_", alphabet: letters, length: 99}
	case "NOTION_TOKEN", "NOTION_API_KEY":
		return shape{prefix: "ntn_", alphabet: letters, length: 46}
	case "LINEAR_API_KEY":
		return shape{prefix: "lin_api_", alphabet: letters, length: 40}
	case "SLACK_BOT_TOKEN":
		return shape{prefix: "xoxb-", alphabet: letters, length: 48}
	case "JIRA_API_TOKEN":
		return shape{prefix: "ATATT3xFfGF0", alphabet: letters, length: 180}
	case "AWS_ACCESS_KEY_ID":
		return shape{prefix: "AKIA", alphabet: base32, length: 16}
	case "AWS_SECRET_ACCESS_KEY":
		return shape{alphabet: letters, length: 40}
	case "AWS_BEARER_TOKEN_BEDROCK":
		return shape{prefix: "ABSK", alphabet: letters, length: 128}
	}
	return shape{prefix: "spk_", alphabet: letters, length: 40}
}

// checksum is what the tokens of GitHub end with: their CRC-32 in base 62.
func checksum(body string) string {
	const length = 6
	sum := crc32.ChecksumIEEE([]byte(body))
	out := []byte("000000")
	for i := length - 1; i >= 0; i-- {
		out[i], sum = letters[sum%62], sum/62
	}
	return string(out)
}
