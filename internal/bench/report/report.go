// Package report gathers the figures of a run and prints them as a Markdown table
// with the machine they were taken on. It compares a figure with its bar, and
// never fails because of one.
package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Bar is what a figure must reach.
type Bar struct {
	least bool // at least, else at most
	limit float64
	unit  string
}

// AtLeast makes a bar that a figure must not fall below.
func AtLeast(limit float64, unit string) *Bar { return &Bar{true, limit, unit} }

// AtMost makes a bar that a figure must not exceed.
func AtMost(limit float64, unit string) *Bar { return &Bar{false, limit, unit} }

func (b *Bar) met(v float64) bool {
	if b.least {
		return v >= b.limit
	}
	return v <= b.limit
}

func (b *Bar) String() string {
	sign := "≤"
	if b.least {
		sign = "≥"
	}
	return strings.TrimSpace(sign + " " + Number(b.limit) + " " + b.unit)
}

// A row is one line of the table.
type row struct {
	part, what, got, beside, ratio, bar, met string
}

// A Report gathers rows.
type Report struct {
	started time.Time
	load    string // before anything was started
	rows    []row
	notes   []string
}

// New begins a report.
func New() *Report { return &Report{started: time.Now(), load: loadAverage()} }

// Value adds a figure with a bar of its own, or none.
func (r *Report) Value(part, what string, got float64, unit string, b *Bar) {
	line := row{part: part, what: what, got: Number(got) + " " + unit}
	if b != nil {
		line.bar, line.met = b.String(), verdict(b, got)
	}
	r.rows = append(r.rows, line)
}

// Ratio adds a figure beside that of a reference; the bar is on the ratio.
func (r *Report) Ratio(part, what string, got, ref float64, unit, refName string, b *Bar) {
	q := got / ref
	line := row{
		part: part, what: what, got: Number(got) + " " + unit,
		beside: Number(ref) + " (" + refName + ")", ratio: Number(q) + "×",
	}
	if b != nil {
		line.bar, line.met = b.String(), verdict(b, q)
	}
	r.rows = append(r.rows, line)
}

// Missing says that a part could not be measured.
func (r *Report) Missing(part string, err error) {
	r.rows = append(r.rows, row{part: part, what: "**not measured**: " + strings.ReplaceAll(err.Error(), "\n", "; ")})
}

// Note adds a sentence below the table.
func (r *Report) Note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func verdict(b *Bar, v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "?"
	case b.met(v):
		return "met"
	}
	return "**not met**"
}

// Print writes the table. quick marks figures that mean little.
func (r *Report) Print(w io.Writer, quick bool) {
	fmt.Fprintf(w, "\n%s; load %s before, %s after; %s", machine(), r.load, loadAverage(), time.Since(r.started).Round(time.Second))
	if quick {
		fmt.Fprint(w, "; -quick, so the figures mean little")
	}
	fmt.Fprintf(w, ".\n\n| part | figure | sallyport | beside | ratio | bar | met |\n|---|---|---:|---:|---:|---:|---|\n")
	for _, l := range r.rows {
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s |\n", l.part, l.what, l.got, l.beside, l.ratio, l.bar, l.met)
	}
	for _, n := range r.notes {
		fmt.Fprintf(w, "\n%s\n", n)
	}
}

// Number writes three or four digits that matter.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
	}
}

// Samples are figures of several rounds, by variant and name.
type Samples map[string][]float64

// Add keeps one more figure.
func (s Samples) Add(variant, figure string, v float64) {
	s[variant+" "+figure] = append(s[variant+" "+figure], v)
}

// Median is NaN where nothing was measured.
func (s Samples) Median(variant, figure string) float64 {
	list := slices.Sorted(slices.Values(s[variant+" "+figure]))
	if len(list) == 0 {
		return math.NaN()
	}
	mid := len(list) / 2
	if len(list)%2 == 1 {
		return list[mid]
	}
	return (list[mid-1] + list[mid]) / 2
}

// Sum adds all rounds up.
func (s Samples) Sum(variant, figure string) float64 {
	var total float64
	for _, v := range s[variant+" "+figure] {
		total += v
	}
	return total
}

// Has reports whether anything was measured.
func (s Samples) Has(variant, figure string) bool { return len(s[variant+" "+figure]) > 0 }
