// Package record is what the audit log keeps of one action: every fact that Decide
// needs to judge it again, and how it ended, as JSON whose SHA-256 is a link of
// the chain. It keeps nothing itself and reads no clock.
package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
)

// The outcomes of a Record.
const (
	Done    = "done"    // it was allowed, and the upstream did it
	Failed  = "failed"  // it was allowed, but the upstream or the way to it failed
	Refused = "refused" // it was not allowed
	Pending = "pending" // it is not answered yet
	Lost    = "unknown" // the gateway died before it was over
)

// KindGap is the kind of the record that stands for records that were lost.
const KindGap = "gap"

// A Record is one action as it is kept: everything that Decide needs to judge it
// again, and how it ended.
type Record struct {
	Seq      uint64    `json:"seq"`
	Prev     Hash      `json:"prev,omitzero"` // hash of the record before
	ID       string    `json:"id"`
	Time     time.Time `json:"time"`     // when the agent asked
	Recorded time.Time `json:"recorded"` // when it was written; never goes back
	Session  string    `json:"session,omitempty"`
	Agent    Agent     `json:"agent"`
	Service  string    `json:"service,omitempty"`
	Protocol string    `json:"protocol,omitempty"`
	Host     string    `json:"host,omitempty"`
	Dst      string    `json:"dst,omitempty"`
	Kind     string    `json:"kind"`
	Method   string    `json:"method,omitempty"` // of HTTP, or the SQL verb
	Summary  string    `json:"summary,omitempty"`
	Parts    []Part    `json:"parts,omitempty"`
	Verdict  string    `json:"verdict,omitempty"` // none on a gap
	Rule     string    `json:"rule,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Asks     []Ask     `json:"asks,omitempty"`
	Would    []string  `json:"would,omitempty"`
	Spent    []string  `json:"spent,omitempty"` // rules whose limit had no room
	// Trace is how the rules came to a verdict that is not allow, in a short form.
	Trace    json.RawMessage `json:"trace,omitempty"`
	Outcome  string          `json:"outcome,omitempty"`
	Status   string          `json:"status,omitempty"`
	Error    string          `json:"error,omitempty"`
	Upstream string          `json:"upstream,omitempty"`
	Injected bool            `json:"injected,omitempty"`
	Secret   string          `json:"secret,omitempty"` // which was injected, and its version
	Sent     int64           `json:"sent,omitempty"`
	Received int64           `json:"received,omitempty"`
	Rows     int64           `json:"rows,omitempty"`
	Duration time.Duration   `json:"duration_ns,omitempty"`
	Usage    *action.Usage   `json:"usage,omitempty"`  // of a language model; nil: none answered
	Answer   *action.Answer  `json:"answer,omitempty"` // of the upstream, as far as it is kept
	Sample   string          `json:"sample,omitempty"`
	Hidden   int64           `json:"hidden,omitempty"`  // bytes that Sample left out
	Digest   string          `json:"digest,omitempty"`  // SHA-256 in hex
	Missing  uint64          `json:"missing,omitempty"` // on a gap: how many records it stands for
	Hash     Hash            `json:"hash,omitzero"`     // of all the fields above, as encoded
	body     []byte          // the encoding that Hash is of
}

// An Agent is who acted.
type Agent struct {
	ID    string   `json:"id,omitempty"`
	Name  string   `json:"name,omitempty"`
	User  string   `json:"user,omitempty"`
	Tags  []string `json:"tags,omitempty"`
	Roles []string `json:"roles,omitempty"` // those it was enrolled into
	Addr  string   `json:"addr,omitempty"`
}

// A Part is one statement, or one member of a batch.
type Part struct {
	Effects string          `json:"effects,omitempty"` // "read,write"
	Control bool            `json:"control,omitempty"`
	Facts   json.RawMessage `json:"facts,omitempty"` // the protocol's own struct
}

// An Ask is one ask rule that the action met.
type Ask struct {
	Rule      string   `json:"rule,omitempty"`
	Reason    string   `json:"reason,omitempty"`
	Approvers []string `json:"approvers,omitempty"`
}

// A Hash is a SHA-256.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText gives the hash in hex.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads a hash in hex.
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) != 2*len(h) {
		return fmt.Errorf("a hash has %d hex digits, not %d", 2*len(h), len(b))
	}
	_, err := hex.Decode(h[:], b)
	return err
}

// Body gives the encoding whose SHA-256 is the record's Hash: its JSON without
// the hash. It is set on records that Append and Follow see.
func (r *Record) Body() []byte { return r.body }

// Decode reads a record back from its body, which it keeps.
func Decode(body []byte) (Record, error) {
	r := Record{body: body}
	if err := json.Unmarshal(body, &r); err != nil {
		return Record{}, fmt.Errorf("decode record: %w", err)
	}
	r.Hash = sha256.Sum256(body)
	return r, nil
}

// Bounds of one record as it is encoded: a longer Sample is cut, and facts that do
// not fit are left out with a mark.
const (
	MaxSample = 64 << 10
	MaxFacts  = 64 << 10 // of all parts together
	MaxAnswer = 32 << 10 // of its body
)

// LostFacts is the mark on a record that was made after a crash.
const LostFacts = "lost in a crash"

// A Methods finds, by protocol, the fact that becomes Record.Method.
type Methods map[string]func(action.Facts) (string, action.State)

// MethodsOf finds them in the tables of the protocols.
func MethodsOf(tables []action.FactTable) Methods {
	found := Methods{}
	for _, t := range tables {
		for _, f := range t.Facts {
			if f.Str != nil && (f.Name == "http.method" || f.Name == "sql.verb") {
				found[t.Protocol] = f.Str
			}
		}
	}
	return found
}

// UsualBody is what the encoding of a record usually needs, without its sample.
const UsualBody = 1536

// New turns an action into its record; facts are encoded at once.
func New(methods Methods, a *action.Action, d action.Decision) Record {
	r := Record{
		ID: a.ID, Time: a.Time.UTC(), Session: a.Session, Host: a.Host, Kind: a.Kind, Summary: a.Summary,
		Verdict: d.Verdict.String(), Rule: d.Rule, Reason: d.Reason, Would: d.Would, Spent: a.Spent, Trace: d.Trace,
		Sample: cut(a.Sample, MaxSample), Digest: hex.EncodeToString(a.Digest), Hidden: a.Hidden,
	}
	if a.Dst.IsValid() {
		r.Dst = a.Dst.String()
	}
	if p := a.Peer; p != nil {
		r.Agent = Agent{ID: p.ID, Name: p.Name, User: p.User, Tags: p.Tags, Roles: p.Enrolled}
		if p.Addr.IsValid() {
			r.Agent.Addr = p.Addr.String()
		}
	}
	if s := a.Service; s != nil {
		r.Service, r.Protocol = s.Name, s.Protocol
	}
	r.Parts = make([]Part, len(a.Parts))
	room := MaxFacts
	for i, p := range a.Parts {
		r.Parts[i] = Part{Effects: p.Effects.String(), Control: p.Control, Facts: encodeFacts(p.Facts, room)}
		room -= len(r.Parts[i].Facts)
	}
	if method := methods[r.Protocol]; method != nil && len(a.Parts) > 0 {
		if s, state := method(a.Parts[0].Facts); state == action.Known {
			r.Method = s
		}
	}
	for _, ask := range d.Asks {
		r.Asks = append(r.Asks, Ask{ask.Rule, ask.Reason, ask.Approvers})
	}
	return r
}

// Finish adds how the action ended.
func (r *Record) Finish(d action.Decision, res action.Result) {
	r.Status, r.Error, r.Upstream = res.Status, res.Err, res.Upstream
	r.Injected, r.Secret = res.Injected, res.Secret
	r.Sent, r.Received, r.Rows, r.Duration, r.Usage = res.Sent, res.Received, res.Rows, res.Duration, res.Usage
	r.Answer = bounded(res.Answer)
	switch {
	case d.Verdict == action.Ask:
		r.Outcome = Pending
	case d.Verdict != action.Allow:
		r.Outcome = Refused
	case res.Failed:
		r.Outcome = Failed
	default:
		r.Outcome = Done
	}
}

// bounded cuts the text of an answer that is too long as it is encoded.
func bounded(a *action.Answer) *action.Answer {
	if a == nil {
		return nil
	}
	if text := cut([]byte(a.Text), MaxAnswer); len(text) < len(a.Text) {
		b := *a
		b.Text, b.Cut = text, true
		return &b
	}
	return a
}

// encodeFacts never fails: a record with a mark in place of its facts is better
// than none. What does not fit into room is not kept.
func encodeFacts(f action.Facts, room int) (b json.RawMessage) {
	switch {
	case f == nil:
		return nil
	case room <= 0: // nor is it worth encoding
		return Mark(tooLong)
	}
	defer func() {
		if p := recover(); p != nil {
			b = Mark("could not be encoded")
		}
	}()
	var err error
	if a, ok := f.(appender); ok {
		b, err = a.AppendJSON(nil)
	} else {
		b, err = marshal(f)
	}
	switch {
	case err != nil:
		return Mark("could not be encoded")
	case len(b) <= room:
		return b
	}
	if s, ok := f.(shortener); ok {
		if less := s.Shorter(); less != nil {
			return encodeFacts(less, room)
		}
	}
	return Mark(tooLong)
}

// An appender writes itself as encoding/json would, in less time.
type appender interface {
	AppendJSON(b []byte) ([]byte, error)
}

// A shortener gives facts without what they can do without, or nil.
type shortener interface{ Shorter() action.Facts }

const tooLong = "too long to be kept"

// Mark stands in place of facts and says why.
func Mark(why string) json.RawMessage { return json.RawMessage(markBegin + why + markEnd) }

const markBegin, markEnd = `{"-":"`, `"}`

// marked gives the reason if raw is a Mark. No protocol has a fact called "-".
func marked(raw json.RawMessage) (why string, ok bool) {
	why, ok = strings.CutPrefix(string(raw), markBegin)
	return strings.TrimSuffix(why, markEnd), ok
}

// Seal gives r its place in the chain.
func (r *Record) Seal(seq uint64, prev Hash, at time.Time) {
	r.SealIn(make([]byte, 0, UsualBody+len(r.Sample)), seq, prev, at)
}

// SealIn is Seal with a body that is appended to b, which it gives back: the body
// stays good for as long as b is not used again.
func (r *Record) SealIn(b []byte, seq uint64, prev Hash, at time.Time) []byte {
	r.Seq, r.Prev, r.Recorded, r.Hash = seq, prev, at, Hash{}
	begin := len(b)
	b = r.AppendJSON(b)
	r.body = b[begin:len(b):len(b)]
	r.Hash = sha256.Sum256(r.body)
	return b
}

// Keep gives r with a body of its own.
func (r *Record) Keep() Record {
	k := *r
	k.body = bytes.Clone(r.body)
	return k
}

func decodeFacts(table *action.FactTable, protocol string, raw json.RawMessage) (action.Facts, error) {
	if raw == nil {
		return nil, nil
	}
	if why, ok := marked(raw); ok {
		return nil, fmt.Errorf("the facts are %s", why)
	}
	if table == nil || table.New == nil {
		return nil, fmt.Errorf("this build does not know the facts of %q", protocol)
	}
	f := table.New()
	if err := json.Unmarshal(raw, f); err != nil {
		return nil, fmt.Errorf("facts of %s: %w", protocol, err)
	}
	return f, nil
}

// splitList goes through a list with commas; "" is empty.
func splitList(s string) iter.Seq[string] {
	if s == "" {
		return func(func(string) bool) {}
	}
	return strings.SplitSeq(s, ",")
}
