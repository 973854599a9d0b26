// Package units reads the quantities of the configuration language: durations,
// sizes and rates. It accepts what is positive and within range, and nothing else. It
// knows nothing of where they are written.
package units

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseDuration reads Go's durations and whole days; it must be positive.
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > 36500 {
			return 0, fmt.Errorf("%q is no number of days", days)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return 0, err
	}
	if v <= 0 {
		return 0, fmt.Errorf("%s is not positive", s)
	}
	return v, nil
}

// ParseSize reads a whole number with a unit; it must be positive.
func ParseSize(s string) (int64, error) {
	i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if i < 1 {
		return 0, fmt.Errorf("%q needs a number and a unit", s)
	}
	n, err := strconv.ParseInt(s[:i], 10, 64)
	if err != nil {
		return 0, err
	}
	var unit int64
	switch strings.TrimSpace(s[i:]) {
	case "B":
		unit = 1
	case "KiB":
		unit = 1 << 10
	case "MiB":
		unit = 1 << 20
	case "GiB":
		unit = 1 << 30
	case "KB", "kB":
		unit = 1e3
	case "MB":
		unit = 1e6
	case "GB":
		unit = 1e9
	default:
		return 0, fmt.Errorf("%q is no unit", s[i:])
	}
	if n < 1 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%s is out of range", s)
	}
	return n * unit, nil
}

// MaxRate is how many a rate may name.
const MaxRate = 1_000_000

// ParseRate reads a number of things within a span of time: "20/hour".
func ParseRate(s string) (count int, window time.Duration, err error) {
	number, unit, ok := strings.Cut(s, "/")
	if !ok {
		return 0, 0, fmt.Errorf("%q needs a number, a slash and a span", s)
	}
	count, err = strconv.Atoi(number)
	if err != nil || count < 1 || count > MaxRate || number != strconv.Itoa(count) {
		return 0, 0, fmt.Errorf("%q is no number from 1 to %d", number, MaxRate)
	}
	window, ok = map[string]time.Duration{
		"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour,
	}[unit]
	if !ok {
		return 0, 0, fmt.Errorf("%q is no span; there are second, minute, hour, day and week", unit)
	}
	return count, window, nil
}
