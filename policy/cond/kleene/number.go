package kleene

import "strconv"

// MaxExact is the last whole number that float64 tells from the next.
const MaxExact = 1<<53 - 1

// maxDigits keeps to numbers that float64 tells apart.
const maxDigits = 15

// ParseNumber reads a plain decimal number and nothing else.
func ParseNumber(text string) Value {
	if len(text) > maxDigits+len("-.") {
		return Value{}
	}
	digits := 0
	for i := range len(text) {
		switch b := text[i]; {
		case '0' <= b && b <= '9':
			digits++
		case b == '.' || b == '-' && i == 0:
		default:
			return Value{}
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || digits > maxDigits {
		return Value{}
	}
	return Number(n)
}
