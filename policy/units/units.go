// Package units reads the quantities of the configuration language: durations
// and sizes. It accepts what is positive and within range, and nothing else. It
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
