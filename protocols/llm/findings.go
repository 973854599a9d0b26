package llm

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode"

	"sallyport.dev/sallyport/action"
)

// Bounds of what is believed. Numbers beyond them are not taken at all: what is
// said so wrongly is not nearly right.
const (
	maxTokens = 100_000_000 // of one kind in one answer
	maxDollar = 1000        // of one answer
	maxModel  = 128         // bytes of a name
	perToken  = 4           // bytes of text, for an estimate
	nano      = 1_000_000_000
)

// findings are what was found in an answer so far. Where something stands twice,
// as in the events of Anthropic and the chunks of Google, the last counts: they
// are totals.
type findings struct {
	has  uint32 // bits of number
	n    [numbers]int64
	said int64 // bytes of text

	model, tier saying
	anthropic   bool // it has the shape of Messages
	google      bool
	finished    bool // Google has said why it ends
	counted     bool // and this chunk of it has numbers
	final       bool // a usage was read to its end that is no interim one
	audio       bool // of the modality that is read
	lasting     bool // of the write to a cache that is read
}

// A saying is a text that is kept.
type saying struct {
	text   [maxWord]byte
	length uint8
}

func (s *saying) set(word []byte) { s.length = uint8(copy(s.text[:], word)) }

// String gives the text, as it can be shown anywhere: printable, and short.
func (s *saying) String() string {
	raw := s.text[:s.length]
	text := string(raw)
	if strings.ContainsRune(text, '\\') {
		if json.Unmarshal([]byte(`"`+text+`"`), &text) != nil {
			return ""
		}
	}
	text = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if len(text) > maxModel {
		text = strings.ToValidUTF8(text[:maxModel], "")
	}
	return strings.TrimSpace(text)
}

// words takes in a text.
func (f *findings) words(p place, word []byte) {
	switch p {
	case placeModel:
		f.model.set(word)
	case placeTier:
		f.tier.set(word)
	case placeType:
		f.anthropic = f.anthropic || string(word) == "message" || string(word) == "message_start" || string(word) == "message_delta"
	case placeFinish:
		f.finished = true
	case placeModality:
		f.audio = strings.EqualFold(string(word), "AUDIO")
	case placeLife:
		f.lasting = string(word) == "1h"
	}
}

// number takes in a number, or what stands in its place.
func (f *findings) number(p place, word []byte) {
	if p < placeNumbers {
		return
	}
	i := number(p - placeNumbers)
	var n int64
	var ok bool
	if i == numCost {
		n, ok = dollars(word)
	} else {
		n, ok = count(word)
	}
	if ok {
		f.n[i] = n
		f.has |= 1 << i
	}
}

// closed is told that an object or array has ended, and in which one it stood.
func (f *findings) closed(p, inside place) {
	switch p {
	case placeUsage:
		f.final = f.final || inside == placeRoot || inside == placeResponse
	case placeMetrics:
		f.final = true
	case placeWrites:
		if f.lasting {
			f.n[numWriteLong], f.lasting = f.n[numWritten], false
		}
	case placeMetadata:
		f.google, f.counted = true, true
	case placeRoot:
		f.final = f.final || f.finished && f.counted
		f.counted = false
	case placeModalities:
		if f.audio {
			f.n[numAudioIn], f.audio = f.n[numModality], false
		}
	}
}

// count reads a number of tokens.
func count(word []byte) (int64, bool) {
	if len(word) == 0 {
		return 0, false
	}
	n := int64(0)
	for _, c := range word {
		if c < '0' || c > '9' {
			return odd(word)
		}
		if n = 10*n + int64(c-'0'); n > maxTokens {
			return 0, false
		}
	}
	return n, true
}

// odd reads what is a whole number in another spelling: 12.0, 1e3.
func odd(word []byte) (int64, bool) {
	x, ok := decimal(word, maxTokens)
	return int64(x), ok && x == math.Trunc(x)
}

// decimal reads a number as JSON has it, from 0 to most; Go has more ways to spell one.
func decimal(word []byte, most float64) (float64, bool) {
	for _, c := range word {
		switch c {
		case '.', 'e', 'E', '+', '-':
		default:
			if c < '0' || c > '9' {
				return 0, false
			}
		}
	}
	x, err := strconv.ParseFloat(string(word), 64)
	if err != nil || !(x >= 0 && x <= most) {
		return 0, false
	}
	return x, true
}

// dollars reads an amount of money.
func dollars(word []byte) (int64, bool) {
	x, ok := decimal(word, maxDollar)
	return int64(math.Round(x * nano)), ok
}

// An End is what the scanner cannot see of an answer that is over.
type End struct {
	Provider string // the preset of the service; "": none
	Asked    string // the model of the request; "": it was not read
	Sent     int64  // bytes of the request
	Cut      bool   // the answer did not come to its end
	Tier     string // as its head says; "": it says none
}

// End gives what the answer took, without a price; nil if no model answered. What
// the answer does not say, or did not come to, is estimated from its text.
func (s *Scanner) End(e End) *action.Usage {
	if s == nil {
		return nil
	}
	f := &s.doc.got
	if s.frames != nil {
		if in := &s.frames.packed.doc.got; in.has != 0 || in.said != 0 {
			f = in
		}
		f.final, e.Cut = f.final && !s.frames.broken, e.Cut || s.frames.broken
	}
	if f.has&(1<<numInput|1<<numOutput) == 0 && s.head.has&(1<<numOutput) != 0 {
		f.n, f.has, f.final = s.head.n, s.head.has, true
	}
	return f.usage(e)
}

// usage is what was found, as one answer; nil if there is none.
func (f *findings) usage(e End) *action.Usage {
	if f.has == 0 && f.said == 0 {
		return nil
	}
	u := &action.Usage{Provider: e.Provider, Asked: e.Asked, Model: f.model.String(), Tier: f.level(e.Tier)}
	if u.Provider == "" {
		u.Provider = Generic
	}
	f.tokens(u)
	if f.has&(1<<numCost) != 0 && (u.Provider == Generic || u.Provider == "openrouter") {
		u.Cost, u.Price = f.n[numCost], Reported
	}
	if f.final || !e.Cut && f.has&(1<<numOutput) != 0 && !f.anthropic {
		return u
	}
	u.Estimated = true
	if f.has&(1<<numInput) == 0 {
		u.Input = min(e.Sent/perToken, maxTokens)
	}
	u.Output = max(u.Output, min((f.said+perToken-1)/perToken, maxTokens))
	return u
}

// Generic is the provider of a service that no preset names, and Reported the price
// of an answer that says its own.
const (
	Generic  = "generic"
	Reported = "reported"
)

// Provider is that of a preset; "" for one that is not of a provider of models.
func Provider(preset string) string {
	switch preset {
	case "anthropic", "openai", "azure_openai", "bedrock", "gemini", "openrouter":
		return preset
	}
	return ""
}

// level is the tier, where it is not the usual one; head is what the head of the answer
// says.
func (f *findings) level(head string) string {
	switch t := strings.ToLower(cmp.Or(f.tier.String(), head)); t {
	case "default", "auto", "standard", "on_demand":
		return ""
	default:
		return t
	}
}

// tokens brings the numbers of every provider to one meaning. Parts are never more
// than the whole that they are part of.
func (f *findings) tokens(u *action.Usage) {
	n := &f.n
	if f.has&(1<<numRead|1<<numWrite) != 0 { // Anthropic, Amazon: beside the input
		u.Input, u.CacheRead = n[numInput], n[numRead]
		u.CacheWriteLong = min(n[numWriteLong], n[numWrite])
		u.CacheWrite = n[numWrite] - u.CacheWriteLong
	} else {
		prompt := n[numInput] + n[numToolPrompt]
		u.CacheRead = min(n[numCached], prompt)
		u.CacheWrite = min(n[numCacheIn], prompt-u.CacheRead)
		u.Input = prompt - u.CacheRead - u.CacheWrite
	}
	u.Output = n[numOutput] + n[numThoughts]
	u.Reasoning = min(n[numReasoning]+n[numThoughts], u.Output)
	u.Audio = min(n[numAudioIn]+n[numAudioOut], u.Prompt()+u.Output)
}
