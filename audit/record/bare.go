package record

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Bare gives r without what was sent in bodies, there and back, and without what the
// rules read of that; how many bytes there were stays. Nor has it a hash that a body
// went into: against one a short body is soon guessed, by whoever knows the rest. It shares nothing with r that either could change.
func (r *Record) Bare() Record {
	b := *r
	b.body = nil
	b.Prev, b.Hash, b.Digest = Hash{}, Hash{}, ""
	b.Hidden += int64(len(r.Sample))
	b.Sample, b.Answer, b.Trace = "", r.Answer.Bare(), veiled(r.Trace)
	b.Parts = slices.Clone(r.Parts)
	for i := range b.Parts {
		b.Parts[i].Facts = bodiless(b.Parts[i].Facts)
	}
	return b
}

// Keeps reports whether r has what was sent in a body or came back in one, or says as a
// bare one that there is such a thing.
func (r *Record) Keeps() bool {
	if r.Sample != "" || r.Hidden > 0 || r.Answer != nil && (r.Answer.Text != "" || r.Answer.Withheld) {
		return true
	}
	for _, p := range r.Parts {
		if bytes.Contains(p.Facts, []byte(`"body":`)) && !bytes.Contains(p.Facts, []byte(`"body":{"text":""}`)) {
			return true
		}
	}
	return false
}

// Withheld reports whether r is a bare record of an action whose body is recorded.
func (r *Record) Withheld() bool {
	return slices.ContainsFunc(r.Parts, func(p Part) bool { return bytes.Contains(p.Facts, []byte(`"body":`+bare)) })
}

// Text gives what a query for words looks at: the record as it is kept, or with bare
// only what Bare leaves of it.
func (r *Record) Text(bare bool) []byte {
	if !bare {
		return r.body
	}
	b := r.Bare()
	b.Hidden = 0 // of this the kept text has another
	return b.AppendJSON(nil)
}

// bare stands in facts for a body that is not there.
const bare = `{"text":"","hidden":true}`

// bodiless gives facts without the body that the configuration has kept.
func bodiless(facts json.RawMessage) json.RawMessage {
	if !bytes.Contains(facts, []byte(`"body":`)) {
		return facts
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(facts, &members) != nil {
		return nil
	}
	if body, ok := members["body"]; !ok || string(body) == `{"text":""}` {
		return facts
	}
	members["body"] = json.RawMessage(bare)
	less, err := marshal(members)
	if err != nil {
		return nil
	}
	return less
}
