package action

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxPrice bounds the price of a million tokens, in millionths of a dollar.
const MaxPrice = 1000 * 1_000_000

// Dollars reads an amount such as "2.50", in millionths of a dollar.
func Dollars(s string) (int64, error) {
	whole, part, _ := strings.Cut(s, ".")
	if len(part) > 6 || strings.HasSuffix(s, ".") {
		return 0, fmt.Errorf("%q is no amount in dollars", s)
	}
	n, err := strconv.ParseUint(whole+part+strings.Repeat("0", 6-len(part)), 10, 63)
	if err != nil || whole == "" || n > MaxPrice {
		return 0, fmt.Errorf("%q is no amount from 0 to 1000 dollars", s)
	}
	return int64(n), nil
}
