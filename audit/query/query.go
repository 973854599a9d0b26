// Package query is the language in which records are asked for: parsed from one
// line, and matched against one record at a time. It reads no store; one that can
// look things up may narrow the search, but Match has the last word.
package query

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/sallyport/audit/record"
)

// Bounds of a Query.
const (
	DefaultLimit = 100
	MaxLimit     = 10_000
	MaxTerms     = 64
	maxQuery     = 4096
)

// A Query says which records are wanted: those that meet every term.
type Query struct {
	Terms  []Term
	Since  time.Time     // by Record.Time; zero: from the first one
	Until  time.Time     // zero: to the last one
	Within time.Duration // "since:1h": Since is that long before now
	Before uint64        // only smaller Seqs: the Seq of the last record gives the next page; 0: all
	After  uint64        // only larger Seqs; 0: all
	Limit  int           // 0: DefaultLimit
	// Whole: text is looked for in what was sent in bodies, too. It is for who may
	// read them; to everybody else each match would tell a word of one.
	Whole bool
}

// A Term is one condition.
type Term struct {
	Field  string   // one of Fields; "" is text anywhere in the record, see Query.Whole
	Values []string // any of them
	Not    bool
}

// Fields lists what a term may name.
func Fields() []string {
	return []string{"agent", "asked", "host", "id", "kind", "method", "outcome", "protocol", "rule", "secret", "service", "session", "status", "user", "verdict"}
}

// Parse reads the query language of the dashboard and the log command:
//
//	agent:ci verdict:deny,ask !service:github rule:"no drop" since:2h some text
//
// Everything must hold; ! is not; a comma is or; & may stand between terms.
// Besides Fields there are since, until, before and limit.
func Parse(s string) (Query, error) {
	var q Query
	if len(s) > maxQuery {
		return q, fmt.Errorf("the query has %d bytes, more than %d", len(s), maxQuery)
	}
	for s = strings.TrimLeftFunc(s, unicode.IsSpace); s != ""; s = strings.TrimLeftFunc(s, unicode.IsSpace) {
		if s[0] == '&' {
			s = s[1:]
			continue
		}
		t, rest, err := parseTerm(s)
		if err != nil {
			return Query{}, err
		}
		s = rest
		if err := q.add(t); err != nil {
			return Query{}, err
		}
		if len(q.Terms) > MaxTerms {
			return Query{}, fmt.Errorf("the query has more than %d terms", MaxTerms)
		}
	}
	return q, nil
}

// parseTerm reads one term from the front of s, which begins with no space.
func parseTerm(s string) (t Term, rest string, err error) {
	whole := s
	if s[0] == '!' {
		t.Not, s = true, s[1:]
	}
	if word, after, ok := cutField(s); ok {
		t.Field, s = word, after
	}
	for {
		value, after, err := parseValue(s, t.Field != "")
		if err != nil {
			return t, "", err
		}
		if value == "" {
			return t, "", fmt.Errorf("there is nothing behind %q", whole[:len(whole)-len(s)])
		}
		t.Values, s = append(t.Values, value), after
		if t.Field == "" || !strings.HasPrefix(s, ",") {
			return t, s, nil
		}
		s = s[1:]
	}
}

// cutField splits "field:rest" if s begins with a lower-case word and a colon.
func cutField(s string) (field, rest string, ok bool) {
	i := strings.IndexFunc(s, func(r rune) bool { return r < 'a' || r > 'z' })
	if i <= 0 || s[i] != ':' || strings.HasPrefix(s[i:], "://") {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

// parseValue reads a quoted string or a word; in a list a comma ends the word.
func parseValue(s string, list bool) (value, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return "", "", fmt.Errorf("the quote at %q is never closed, or what it holds is no text", clip(s))
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return "", "", fmt.Errorf("%s is no text", quoted)
		}
		return value, s[len(quoted):], nil
	}
	i := strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '&' && list || list && r == ',' })
	if i < 0 {
		i = len(s)
	}
	return s[:i], s[i:], nil
}

// add puts a parsed term where it belongs.
func (q *Query) add(t Term) error {
	set, ok := map[string]func(string) error{
		"since": q.setSince, "until": q.setUntil, "before": q.setBefore, "limit": q.setLimit,
	}[t.Field]
	if ok {
		if t.Not || len(t.Values) != 1 {
			return fmt.Errorf("%s takes one value and no ! in front", t.Field)
		}
		return set(t.Values[0])
	}
	if t.Field != "" && !slices.Contains(Fields(), t.Field) {
		return fmt.Errorf("%q is no field; there are %s, since, until, before and limit; text with a colon stands in quotes", t.Field, strings.Join(Fields(), ", "))
	}
	if err := t.check(); err != nil {
		return err
	}
	q.Terms = append(q.Terms, t)
	return nil
}

func (t Term) check() error {
	allowed := map[string][]string{
		"asked":   {"yes", "no"},
		"verdict": {"allow", "ask", "deny"},
		"outcome": {record.Done, record.Failed, record.Refused, record.Pending, record.Lost},
	}[t.Field]
	for _, v := range t.Values {
		if !utf8.ValidString(v) {
			return fmt.Errorf("%q is not UTF-8", v)
		}
		if allowed != nil && !slices.Contains(allowed, v) {
			return fmt.Errorf("%s:%s: it is one of %s", t.Field, v, strings.Join(allowed, ", "))
		}
	}
	return nil
}

func (q *Query) setSince(v string) error {
	d, err := parseAge(v)
	if err == nil {
		q.Within, q.Since = d, time.Time{}
		return nil
	}
	q.Within = 0
	q.Since, err = parseTime(v)
	return err
}

func (q *Query) setUntil(v string) (err error) {
	q.Until, err = parseTime(v)
	return err
}

func (q *Query) setBefore(v string) (err error) {
	if q.Before, err = strconv.ParseUint(v, 10, 63); err != nil || q.Before == 0 {
		return fmt.Errorf("before:%s: it is the seq of a record", v)
	}
	return nil
}

func (q *Query) setLimit(v string) (err error) {
	if q.Limit, err = strconv.Atoi(v); err != nil || q.Limit < 1 || q.Limit > MaxLimit {
		return fmt.Errorf("limit:%s: it is a number from 1 to %d", v, MaxLimit)
	}
	return nil
}

// parseAge reads "90s", "2h30m" and "7d".
func parseAge(v string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(v, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(v)
	if err == nil && d <= 0 {
		err = fmt.Errorf("%q is not positive", v)
	}
	return d, err
}

func parseTime(v string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, v); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 2h, 7d, 2026-11-22 or 2026-11-22T10:00:00Z", v)
}

// Resolve fills in what a query leaves open.
func (q Query) Resolve(now time.Time) Query {
	if q.Within > 0 {
		q.Since, q.Within = now.Add(-q.Within), 0
	}
	if q.Limit <= 0 {
		q.Limit = DefaultLimit
	}
	q.Limit = min(q.Limit, MaxLimit)
	return q
}

// Match reports whether q wants r; the limit is the caller's business.
func (q *Query) Match(r *record.Record) bool {
	if !q.Since.IsZero() && r.Time.Before(q.Since) || !q.Until.IsZero() && r.Time.After(q.Until) {
		return false
	}
	if q.Before > 0 && r.Seq >= q.Before || q.After > 0 && r.Seq <= q.After {
		return false
	}
	for _, t := range q.Terms {
		if t.match(r, q.Whole) == t.Not {
			return false
		}
	}
	return true
}

func (t Term) match(r *record.Record, whole bool) bool {
	if t.Field == "" {
		word := strings.ToLower(record.Needle(t.Values[0]))
		found := func(text []byte) bool { return strings.Contains(strings.ToLower(string(text)), word) }
		return found(r.Body()) && (whole || found(r.Text(true)))
	}
	return slices.ContainsFunc(t.Values, func(v string) bool {
		return slices.Contains(fieldOf(r, t.Field), v)
	})
}

// fieldOf gives the values of a field of Fields.
func fieldOf(r *record.Record, name string) []string {
	switch name {
	case "agent":
		return []string{r.Agent.Name}
	case "asked":
		if Asked(r) {
			return []string{"yes"}
		}
		return []string{"no"}
	case "host":
		return []string{r.Host}
	case "id":
		return []string{r.ID}
	case "kind":
		return []string{r.Kind}
	case "method":
		return []string{r.Method}
	case "outcome":
		return []string{r.Outcome}
	case "protocol":
		return []string{r.Protocol}
	case "rule":
		return []string{r.Rule}
	case "secret":
		return secrets(r.Secret)
	case "service":
		return []string{r.Service}
	case "session":
		return []string{r.Session}
	case "status":
		return []string{r.Status}
	case "user":
		return []string{r.Agent.User}
	default:
		return []string{r.Verdict}
	}
}

// Asked reports whether an action met a rule that has people asked, whatever they
// said: asked:yes. Its verdict is that of their answer.
func Asked(r *record.Record) bool { return len(r.Asks) > 0 || r.Verdict == "ask" }

// secrets gives what went out, each with its version and without: "github@3", "github".
func secrets(label string) (all []string) {
	for one := range strings.SplitSeq(label, ",") {
		name, _, _ := strings.Cut(one, "@")
		all = append(all, one, name)
	}
	return all
}

func clip(s string) string {
	if r := []rune(s); len(r) > 20 {
		return string(r[:20]) + "…"
	}
	return s
}
