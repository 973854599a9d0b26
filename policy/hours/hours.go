// Package hours reads and tests spans of the week, as rules state them. It takes
// the time from its caller and the zones from the system or the binary. It knows
// nothing of rules.
package hours

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Hours are windows of the week in one time zone, such as
// "mon-fri 09:00-18:00 Europe/Berlin". Without days it is every day, without
// times the whole day, without a zone UTC. A window past midnight belongs to the
// day it began. The zero Hours contain nothing.
type Hours struct {
	text    string
	days    [7]bool // by time.Weekday
	windows []window
	zone    *time.Location
}

// A window is minutes since midnight; until is greater than from, and greater
// than a day's minutes if the window ends on the next day.
type window struct{ from, until int }

const minutesPerDay = 24 * 60

// Parse reads hours: days ("mon-fri", "sat,sun"), times ("09:00-12:00,
// 13:00-18:00" without the blank) and a zone, each optional, in this order.
func Parse(text string) (Hours, error) {
	h := Hours{text: text, zone: time.UTC}
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return Hours{}, fmt.Errorf(`hours are empty; write "mon-fri 09:00-18:00 Europe/Berlin"`)
	}
	var err error
	if days, ok := parseDays(fields[0]); ok {
		h.days, fields = days, fields[1:]
	} else {
		h.days = [7]bool{true, true, true, true, true, true, true}
	}
	if len(fields) > 0 && fields[0] != "" && '0' <= fields[0][0] && fields[0][0] <= '9' {
		if h.windows, err = parseWindows(fields[0]); err != nil {
			return Hours{}, err
		}
		fields = fields[1:]
	} else {
		h.windows = []window{{0, minutesPerDay}}
	}
	switch {
	case len(fields) == 0:
		return h, nil
	case len(fields) > 1:
		return Hours{}, fmt.Errorf(`%q is not understood; write days, times and a zone: "mon-fri 09:00-18:00 Europe/Berlin"`, fields[0])
	}
	if h.zone, err = loadZone(fields[0]); err != nil {
		return Hours{}, err
	}
	return h, nil
}

// loadZone refuses "Local": a rule must not mean another hour on another host.
func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("%q is no day, time or time zone; zones are named as in Europe/Berlin or UTC", name)
	}
	return zone, nil
}

func weekdayNames() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// parseDays reads "mon", "mon-fri", "sat,sun", and ranges over the week's end.
func parseDays(text string) (days [7]bool, ok bool) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, to := slices.Index(weekdayNames(), first), slices.Index(weekdayNames(), last)
		if from < 0 || to < 0 {
			return days, false
		}
		for d := from; ; d = (d + 1) % 7 {
			days[d] = true
			if d == to {
				break
			}
		}
	}
	return days, true
}

func parseWindows(text string) ([]window, error) {
	var windows []window
	for part := range strings.SplitSeq(text, ",") {
		first, last, ok := strings.Cut(part, "-")
		from, okFrom := parseMinute(first)
		until, okUntil := parseMinute(last)
		if !ok || !okFrom || !okUntil || from == minutesPerDay {
			return nil, fmt.Errorf("%q is no span of time; write 09:00-18:00", part)
		}
		if from == until {
			return nil, fmt.Errorf("%q is empty; a whole day is 00:00-24:00", part)
		}
		if until < from {
			until += minutesPerDay
		}
		windows = append(windows, window{from, until})
	}
	return windows, nil
}

func parseMinute(text string) (int, bool) {
	if len(text) != len("09:00") || text[2] != ':' {
		return 0, false
	}
	h, errHour := strconv.ParseUint(text[:2], 10, 8)
	m, errMinute := strconv.ParseUint(text[3:], 10, 8)
	minute := int(h)*60 + int(m)
	return minute, errHour == nil && errMinute == nil && m < 60 && minute <= minutesPerDay
}

// String gives the hours as they were written.
func (h Hours) String() string { return h.text }

// Contains reports whether t falls into the hours, by the clock on the wall.
func (h Hours) Contains(t time.Time) bool {
	if h.zone == nil {
		return false
	}
	t = t.In(h.zone)
	minute, today := t.Hour()*60+t.Minute(), t.Weekday()
	yesterday := (today + 6) % 7
	for _, w := range h.windows {
		if h.days[today] && w.from <= minute && minute < w.until {
			return true
		}
		if h.days[yesterday] && minute+minutesPerDay < w.until {
			return true
		}
	}
	return false
}

// Next gives the first moment after t at which Contains changes, or the zero
// Time if it never does.
func (h Hours) Next(t time.Time) time.Time {
	if h.zone == nil {
		return time.Time{}
	}
	local := t.In(h.zone)
	candidates := h.edges(local)
	slices.SortFunc(candidates, time.Time.Compare)
	now := h.Contains(t)
	for _, c := range candidates {
		if c.After(t) && h.Contains(c) != now {
			return c
		}
	}
	return time.Time{}
}

// edges gives every moment of the coming days at which Contains may change: the
// ends of windows by each offset that the zone has about then, and the changes
// of that offset, where the clock jumps over an end or repeats it.
func (h Hours) edges(t time.Time) []time.Time {
	const days = 9 // a week, and the windows that reach over its ends
	var edges []time.Time
	offsets := map[int]bool{}
	for at := t.AddDate(0, 0, -1); at.Before(t.AddDate(0, 0, days)); {
		_, offset := at.Zone()
		offsets[offset] = true
		_, end := at.ZoneBounds()
		if end.IsZero() {
			break
		}
		edges = append(edges, end)
		at = end
	}
	for day := -1; day <= days; day++ {
		for _, w := range h.windows {
			for _, minute := range []int{w.from, w.until} {
				wall := time.Date(t.Year(), t.Month(), t.Day()+day, 0, minute, 0, 0, time.UTC)
				for offset := range offsets {
					edges = append(edges, wall.Add(-time.Duration(offset)*time.Second))
				}
			}
		}
	}
	return edges
}
