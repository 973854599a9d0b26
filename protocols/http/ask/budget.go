package ask

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"sallyport.dev/sallyport/protocols/http/refusal"
)

// What one request may leave in its record, in bytes as they are encoded there.
// HTTP/2 lets an agent send for a byte what it sent once, and JSON writes six for
// some. What has no room is unknown to the rules, and never absent.
const (
	fieldBudget  = 4 << 10 // the values of one field or parameter
	valueBudget  = 8 << 10 // the values of all
	nameBudget   = 4 << 10 // the names of all fields; of parameters as much again
	pathBudget   = 8 << 10
	maxMediaType = 255
	maxGrowth    = 6 // of a byte in JSON
)

// tooLong refuses what the rules must see whole, and no origin has use for.
func tooLong(path string, h http.Header) *refusal.Problem {
	if encoded(path) > pathBudget {
		return &refusal.Problem{
			Status: http.StatusRequestURITooLong, Kind: "too-large", Title: "Path too long",
			Reason: "The path is longer than 8 KiB.", Next: "Send what is long in the body.",
		}
	}
	if len(MediaType(h)) > maxMediaType {
		return refusal.Unclear("the content type is not a media type")
	}
	return nil
}

// bound brings the facts to what the record has room for.
func (r *Request) bound() {
	var all bool
	if r.Headers, all = boundNames(r.Headers); !all {
		r.HeadersUnclear = true
	}
	if r.Query, all = boundNames(r.Query); !all {
		r.Query, r.QueryUnclear = nil, true
	}
	if maxGrowth*(size(r.Headers)+size(r.Query)) <= fieldBudget {
		return
	}
	boundValues(r.Headers, r.Query)
}

// boundNames keeps the fields whose names have room, short names first, and
// reports whether these are all.
func boundNames(fields []Field) (kept []Field, all bool) {
	total := 0
	for i := range fields {
		total += encoded(fields[i].Name)
	}
	if total <= nameBudget {
		return fields, true
	}
	slices.SortFunc(fields, func(a, b Field) int {
		return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), strings.Compare(a.Name, b.Name))
	})
	n := len(fields)
	for ; total > nameBudget; n-- {
		total -= encoded(fields[n-1].Name)
	}
	clear(fields[n:])
	return fields[:n], false
}

// boundValues hides every value that is too large, and then the largest until the
// others have room.
func boundValues(headers, query []Field) {
	type shown struct {
		*Field
		cost int
	}
	total := 0
	var all []shown
	for _, list := range [...][]Field{headers, query} {
		for i := range list {
			f := &list[i]
			c := f.cost()
			if c > fieldBudget {
				f.hide()
				continue
			}
			total += c
			all = append(all, shown{f, c})
		}
	}
	if total <= valueBudget {
		return
	}
	slices.SortStableFunc(all, func(a, b shown) int {
		return cmp.Or(cmp.Compare(b.cost, a.cost), strings.Compare(a.Name, b.Name))
	})
	for _, f := range all {
		if total <= valueBudget {
			return
		}
		total -= f.cost
		f.hide()
	}
}

func (f *Field) hide() { f.Values, f.live, f.Hidden = nil, nil, true }

// cost is what the values take in the record.
func (f *Field) cost() int {
	n := 0
	for _, v := range f.Values {
		n += encoded(v)
	}
	return n
}

// size is what the values took in the request.
func size(fields []Field) int {
	n := 0
	for i := range fields {
		for _, v := range fields[i].Values {
			n += len(v) + 1
		}
	}
	return n
}

// encoded is the length of s in JSON, quotes and comma included.
func encoded(s string) int {
	n := len(`"",`)
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, w := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && w == 1 || r == 0x2028 || r == 0x2029 {
				n += maxGrowth
			} else {
				n += w
			}
			i += w
			continue
		}
		switch {
		case c == '"' || c == '\\':
			n += 2
		case c < ' ' || c == 0x7f || c == '<' || c == '>' || c == '&':
			n += maxGrowth
		default:
			n++
		}
		i++
	}
	return n
}
