package record

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// Bare gives r without what was sent in bodies, there and back, without the values that
// were bound to a statement, and without what the
// rules read of that; how many bytes and values there were stays. Nor has it a hash that a body
// went into: against one a short body is soon guessed, by whoever knows the rest. It shares nothing with r that either could change.
func (r *Record) Bare() Record {
	b := *r
	b.body = nil
	b.Prev, b.Hash, b.Digest = Hash{}, Hash{}, ""
	b.Hidden += int64(len(r.Sample))
	b.Sample, b.Answer, b.Trace = "", r.Answer.Bare(), veiled(r.Trace)
	b.Parts = slices.Clone(r.Parts)
	for i := range b.Parts {
		b.Parts[i].Facts = unbound(bodiless(b.Parts[i].Facts))
	}
	return b
}

// Keeps reports whether r has what was sent in a body or came back in one, or was bound to
// a statement, or says as a bare one that there is such a thing.
func (r *Record) Keeps() bool {
	if r.Sample != "" || r.Hidden > 0 || r.Answer != nil && (r.Answer.Text != "" || r.Answer.Withheld) {
		return true
	}
	for _, p := range r.Parts {
		if bytes.Contains(p.Facts, []byte(values)) || bytes.Contains(p.Facts, []byte(withheld)) {
			return true
		}
		if bytes.Contains(p.Facts, []byte(`"body":`)) && !bytes.Contains(p.Facts, []byte(`"body":{"text":""}`)) {
			return true
		}
	}
	return false
}

// Withheld reports whether r is a bare record of an action whose body, or whose bound
// values, are recorded.
func (r *Record) Withheld() bool {
	return slices.ContainsFunc(r.Parts, func(p Part) bool {
		return bytes.Contains(p.Facts, []byte(`"body":`+bare)) || bytes.Contains(p.Facts, []byte(withheld))
	})
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

// How the values that were bound to a statement begin in its facts, and what stands there
// in their place, before how many there are. In no text of a document does either stand:
// there a quote has a backslash before it.
const (
	values   = `"params":[`
	withheld = `"params_withheld":`
)

// unbound gives facts without the values that were bound to a statement. What cannot be
// read is not given away.
func unbound(facts json.RawMessage) json.RawMessage {
	i := bytes.Index(facts, []byte(values))
	if i < 0 {
		return facts
	}
	begin := i + len(values) - 1
	d := json.NewDecoder(bytes.NewReader(facts[begin:]))
	var list []json.RawMessage
	if d.Decode(&list) != nil {
		return nil
	}
	less := append(make(json.RawMessage, 0, len(facts)), facts[:i]...)
	less = strconv.AppendInt(append(less, withheld...), int64(len(list)), 10)
	return append(less, unbound(facts[begin+int(d.InputOffset()):])...)
}

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
