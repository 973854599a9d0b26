package judge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxReason bounds a judge's reason in bytes.
const maxReason = 500

// A verdict is what a model said, word by word.
type verdict struct{ word, reason string }

var errForm = errors.New("the verdict is not in form")

// parse reads a verdict: one JSON object with exactly a verdict and a reason, each
// once, and nothing behind it. Whatever says two things says neither.
func parse(raw []byte) (verdict, error) {
	if !utf8.Valid(raw) {
		return verdict{}, fmt.Errorf("%w: no UTF-8", errForm)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return verdict{}, fmt.Errorf("%w: no object", errForm)
	}
	got := map[string]string{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return verdict{}, fmt.Errorf("%w: %w", errForm, err)
		}
		value, err := dec.Token()
		if err != nil {
			return verdict{}, fmt.Errorf("%w: %w", errForm, err)
		}
		n, _ := name.(string)
		text, ok := value.(string)
		if _, twice := got[n]; twice || !ok || n != "verdict" && n != "reason" {
			return verdict{}, fmt.Errorf("%w: a member that is not asked for, or stands twice", errForm)
		}
		got[n] = text
	}
	if _, err := dec.Token(); err != nil {
		return verdict{}, fmt.Errorf("%w: %w", errForm, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return verdict{}, fmt.Errorf("%w: something stands behind it", errForm)
	}
	v := verdict{word: got["verdict"], reason: tidy(got["reason"])}
	if v.word != "deny" && v.word != "pass" && v.word != "allow" || v.reason == "" {
		return verdict{}, fmt.Errorf("%w: no verdict of the three, or no reason", errForm)
	}
	return v, nil
}

// tidy makes a reason fit to be read: it may repeat what the agent wrote.
func tidy(s string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(s), " ") {
		if !shows(r) {
			r = '\uFFFD'
		}
		if b.Len()+utf8.RuneLen(r) > maxReason-3 {
			b.WriteString("…")
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// schema is what a verdict must look like, for the model. Where the judge may not
// allow, the word is not even offered.
func schema(decides bool) json.RawMessage {
	words := `["deny","pass"]`
	if decides {
		words = `["deny","pass","allow"]`
	}
	return json.RawMessage(`{"type":"object","additionalProperties":false,"required":["reason","verdict"],"properties":{` +
		`"reason":{"type":"string","description":"One short sentence of your own."},` +
		`"verdict":{"type":"string","enum":` + words + `}}}`)
}
