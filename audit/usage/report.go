package usage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bounds of a Report: names of models are chosen by whoever answers.
const (
	MaxGroups = 500
	maxLines  = 12  // groups that have a line over time
	MaxSteps  = 800 // moments
)

// Dimensions lists what sums can be grouped by.
func Dimensions() []string {
	return []string{"agent", "model", "service", "role", "provider", "user"}
}

// A Report is what a query finds, in groups.
type Report struct {
	Since    time.Time   `json:"since"`
	Until    time.Time   `json:"until"`
	By       []string    `json:"by"`
	Step     string      `json:"step,omitempty"`  // "hour", "day"; none: no lines
	Times    []time.Time `json:"times,omitempty"` // when each step begins
	Total    Sum         `json:"total"`
	Line     []Point     `json:"line,omitempty"` // of the total, as Times
	Groups   []Group     `json:"groups"`         // the dearest first, then the largest
	Unpriced []Unpriced  `json:"unpriced,omitempty"`
}

// A Group is the sum of one value of each dimension. An agent in several roles
// counts in each of them, so that groups by role may add up to more than the total.
type Group struct {
	Key  []string `json:"key"`            // as By; "" is none
	Rest int      `json:"rest,omitempty"` // it stands for so many smaller ones
	Sum
	Line []Point `json:"line,omitempty"` // as Times
}

// A Point is a group in one step.
type Point struct {
	Requests int64 `json:"requests"`
	Tokens   int64 `json:"tokens"`
	Cost     int64 `json:"cost_nano"`
}

// An Unpriced model is one whose calls have no price, or not all of them.
type Unpriced struct {
	Provider string `json:"provider"`
	Model    string `json:"model"` // "": the answers name none
	Requests int64  `json:"requests"`
	Tokens   int64  `json:"tokens"`
}

// Fold makes the report of rows. roles gives the roles of an agent.
func Fold(q Query, by []string, rows []Row, roles func(Agent) []string) (*Report, error) {
	for _, d := range by {
		if !slices.Contains(Dimensions(), d) {
			return nil, fmt.Errorf("%q is nothing to group by; there are %s", d, strings.Join(Dimensions(), ", "))
		}
	}
	r := &Report{Since: q.Since, Until: q.Until, By: by, Groups: []Group{}}
	r.steps(q)
	groups, unpriced := map[string]*Group{}, map[[2]string]*Unpriced{}
	for i := range rows {
		row := &rows[i]
		r.Total.Add(row.Sum)
		r.Line = onto(r.Line, r.Times, row)
		row.unpriced(unpriced)
		for _, key := range keys(row, by, roles) {
			id := strings.Join(key, "\x00")
			g := groups[id]
			if g == nil {
				g = &Group{Key: key}
				groups[id] = g
			}
			g.add(r.Times, row)
		}
	}
	for _, g := range groups {
		r.Groups = append(r.Groups, *g)
	}
	r.order()
	for _, u := range unpriced {
		r.Unpriced = append(r.Unpriced, *u)
	}
	slices.SortFunc(r.Unpriced, func(a, b Unpriced) int {
		return cmp.Or(cmp.Compare(b.Tokens, a.Tokens), cmp.Compare(a.Provider+" "+a.Model, b.Provider+" "+b.Model))
	})
	r.Unpriced = r.Unpriced[:min(len(r.Unpriced), MaxGroups)]
	return r, nil
}

// steps lists when each begins.
func (r *Report) steps(q Query) {
	if q.Step <= 0 {
		return
	}
	r.Step = "day"
	if q.Step < 24*time.Hour {
		r.Step = "hour"
	}
	for at := q.Since.Truncate(q.Step); at.Before(q.Until) && len(r.Times) < MaxSteps; at = at.Add(q.Step) {
		r.Times = append(r.Times, at)
	}
}

// keys gives the groups that a row is in.
func keys(row *Row, by []string, roles func(Agent) []string) [][]string {
	all := [][]string{{}}
	for _, d := range by {
		values := []string{""}
		switch d {
		case "agent":
			values[0] = row.Agent.Name
		case "user":
			values[0] = row.Agent.User
		case "model":
			values[0] = row.Model
		case "service":
			values[0] = row.Service
		case "provider":
			values[0] = row.Provider
		case "role":
			if list := roles(row.Agent); len(list) > 0 {
				values = list
			}
		}
		var next [][]string
		for _, key := range all {
			for _, v := range values {
				next = append(next, append(slices.Clone(key), v))
			}
		}
		all = next
	}
	return all
}

func (g *Group) add(times []time.Time, row *Row) {
	g.Sum.Add(row.Sum)
	g.Line = onto(g.Line, times, row)
}

// onto adds a row to a line over times.
func onto(line []Point, times []time.Time, row *Row) []Point {
	i, found := slices.BinarySearchFunc(times, row.At, time.Time.Compare)
	if !found {
		return line
	}
	if line == nil {
		line = make([]Point, len(times))
	}
	line[i].add(Point{row.Requests, row.Tokens(), row.Cost})
	return line
}

func (p *Point) add(o Point) {
	p.Requests, p.Tokens, p.Cost = plus(p.Requests, o.Requests), plus(p.Tokens, o.Tokens), plus(p.Cost, o.Cost)
}

// order puts the groups in order, and the last of too many together.
func (r *Report) order() {
	slices.SortFunc(r.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Cost, a.Cost), cmp.Compare(b.Tokens(), a.Tokens()), cmp.Compare(b.Requests, a.Requests), slices.Compare(a.Key, b.Key))
	})
	if len(r.Groups) > MaxGroups {
		rest := Group{Key: make([]string, len(r.By))}
		for _, g := range r.Groups[MaxGroups-1:] {
			rest.Sum.Add(g.Sum)
			rest.Rest++
		}
		r.Groups = append(r.Groups[:MaxGroups-1], rest)
	}
	for i := range r.Groups {
		if i >= maxLines {
			r.Groups[i].Line = nil
		}
	}
}

func (row *Row) unpriced(found map[[2]string]*Unpriced) {
	if row.Unpriced == 0 {
		return
	}
	k := [2]string{row.Provider, row.Model}
	u := found[k]
	if u == nil {
		u = &Unpriced{Provider: row.Provider, Model: row.Model}
		found[k] = u
	}
	u.Requests, u.Tokens = plus(u.Requests, row.Unpriced), plus(u.Tokens, row.Tokens())
}
