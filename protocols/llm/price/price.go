// Package price turns tokens into money, by the prices that an operator states and
// by a dated list that comes with the program. What has no price stays without one:
// nothing is guessed, and nothing is fetched.
package price

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
)

//go:embed prices.csv
var list string

// Configured is the price of a model that the configuration states.
const Configured = "configured"

// Unstated is the price of a part that costs what its side does.
const Unstated = -1

// A Table is a dated list of prices.
type Table struct {
	Date string // of its newest row: 2026-10-24
	rows map[key][]row
}

type key struct{ provider, model string }

// A row holds for prompts that are larger than above; those of a model begin with
// the largest.
type row struct {
	above int64
	date  string // when it was found
	action.Price
}

// Builtin gives the list that comes with the program.
func Builtin() *Table {
	t, err := parse(list)
	if err != nil {
		return &Table{} // nothing has a price; the test of the list sees to it that this is never so
	}
	return t
}

func parse(text string) (*Table, error) {
	t := &Table{rows: map[key][]row{}}
	r := csv.NewReader(strings.NewReader(text))
	r.Comment, r.FieldsPerRecord = '#', 9
	lines, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	for _, line := range lines[min(1, len(lines)):] {
		if err := t.add(line); err != nil {
			return nil, fmt.Errorf("price of %s %s: %w", line[0], line[1], err)
		}
	}
	for _, rows := range t.rows {
		slices.SortFunc(rows, func(a, b row) int { return int(b.above - a.above) })
		if rows[len(rows)-1].above != 0 {
			return nil, errors.New("a model has a price for long prompts only")
		}
	}
	return t, nil
}

func (t *Table) add(line []string) error {
	above, err := strconv.ParseUint(line[2], 10, 31)
	if err != nil {
		return err
	}
	if _, err := time.Parse(time.DateOnly, line[8]); err != nil {
		return fmt.Errorf("the row says no date: %w", err)
	}
	r := row{above: int64(above), date: line[8]}
	t.Date = max(t.Date, r.date)
	for i, p := range []*int64{&r.Input, &r.CacheRead, &r.CacheWrite, &r.CacheWriteLong, &r.Output} {
		if *p = Unstated; line[3+i] == "" {
			continue
		}
		if *p, err = action.Dollars(line[3+i]); err != nil {
			return err
		}
	}
	if r.Input == Unstated {
		return errors.New("there is none for its input")
	}
	k := key{line[0], line[1]}
	if slices.ContainsFunc(t.rows[k], func(o row) bool { return o.above == r.above }) {
		return errors.New("it stands twice")
	}
	t.rows[k] = append(t.rows[k], r)
	return nil
}

// Charge works out what u costs: by own, which are by model; by what the answer
// says of itself; by the list. It leaves what has no price without one. So is what
// the list has no figure for: a tier of its own, and sound.
func (t *Table) Charge(u *action.Usage, own map[string]action.Price) {
	if u == nil {
		return
	}
	for _, model := range []string{u.Model, u.Asked} {
		if p, ok := own[model]; ok && model != "" {
			u.Cost, u.Price = cost(p, u), Configured
			return
		}
	}
	if u.Price != "" || u.Tier != "" || u.Audio != 0 {
		return
	}
	for _, model := range []string{u.Model, u.Asked} {
		if r, ok := t.find(u.Provider, model, u.Prompt()); ok {
			u.Cost, u.Price = cost(r.Price, u), r.date
			return
		}
	}
}

// find gives the price of a model for a prompt of that size.
func (t *Table) find(provider, model string, prompt int64) (row, bool) {
	if t == nil || model == "" {
		return row{}, false
	}
	model = strings.TrimPrefix(model, "models/")
	rows := t.rows[key{provider, model}]
	if rows == nil {
		rows = t.rows[key{provider, undated(model)}]
	}
	for _, r := range rows {
		if prompt > r.above || r.above == 0 {
			return r, true
		}
	}
	return row{}, false
}

// undated takes the date of a version off a name.
func undated(model string) string {
	for _, layout := range []string{"-20060102", "-2006-01-02"} {
		if n := len(model) - len(layout); n > 0 {
			if _, err := time.Parse(layout, model[n:]); err == nil {
				return model[:n]
			}
		}
	}
	return model
}

// cost is in billionths of a dollar. It is rounded once, for the whole; 300 million
// tokens of any price do not overflow it.
func cost(p action.Price, u *action.Usage) int64 {
	or := func(price, other int64) int64 {
		if price < 0 {
			return max(other, 0)
		}
		return price
	}
	total := u.Input*or(p.Input, 0) + u.CacheRead*or(p.CacheRead, p.Input) +
		u.CacheWrite*or(p.CacheWrite, p.Input) + u.CacheWriteLong*or(p.CacheWriteLong, p.Input) +
		u.Output*or(p.Output, p.Input)
	return (total + 500) / 1000
}
