// Package lex looks at the tokens of SQL before, or instead of, the grammar: how
// deep and how large a tree they can make, and which of them are literals for
// certain. It judges no syntax; where it is not certain it refuses or gives up.
package lex

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// MaxDepth bounds how deep the tree of a text can be. The C code walks trees by
// recursion without a limit of its own: "1+1+1…" of 60 kB ends the process. It
// takes about 400 bytes of thread stack a level. Linux gives 8 MiB (2 MiB where
// the limit is lifted); a musl build must be linked with -z stack-size=8388608.
// macOS gives 512 KiB.
func MaxDepth() int {
	if runtime.GOOS == "darwin" {
		return 1000
	}
	return 3000
}

// maxTokens bounds the size of a tree: a token may take 1 kB and 2 µs, though
// "1,1,1…" takes a third of it. All 65,535 parameters of a statement fit, each with
// a cast in a row of its own.
const maxTokens = 400_000

// ErrOpen is a text that ends within a quote or a comment.
var ErrOpen = errors.New("the statement does not end: a quote, comment or dollar quote is left open")

// CheckDepth refuses a text whose tree might be too deep or too large for the
// grammar, and gives the number of its tokens. Its error is a sentence for the
// agent.
func CheckDepth(text string) (tokens int, err error) {
	deep, tokens, err := measure(text)
	if err != nil {
		return 0, err
	}
	if limit := MaxDepth(); deep > limit {
		return 0, fmt.Errorf("the statement is nested too deeply to be checked: %d levels, at most %d; split it, or use lists and parameters", deep, limit)
	}
	return tokens, nil
}

// Depth gives an upper bound of the depth of the tree of a text. It fails on a
// text that is left open, or holds too many tokens.
func Depth(text string) (int, error) {
	deep, _, err := measure(text)
	return deep, err
}

func measure(text string) (deep, tokens int, err error) {
	d := depth{text: text, levels: make([]level, 1, 16)}
	if err := d.scan(); err != nil {
		return 0, 0, err
	}
	if d.tokens > maxTokens {
		return 0, 0, fmt.Errorf("the statement has more than %d words and signs, too many to be checked: send less at a time, or use COPY", maxTokens)
	}
	return d.max, d.tokens, nil
}

// depth gives an upper bound of the depth of a parse tree from tokens alone.
// Every token may add one level to its neighbours, except across separators that
// make siblings: a comma, and AND or OR (the grammar flattens them) as long as
// no CASE or BETWEEN stands before them, whose parts they might be. Set
// operations and joins build chains across separators.
type depth struct {
	text   string
	levels []level // open parentheses and brackets, innermost last
	sum    int     // of all open levels
	max    int
	tokens int
	escape bool   // the last string was E'…': a continuation of it is too
	prev   string // last word in capitals, or "." or ""
}

// perLevel is what a parenthesis weighs beside itself: a subquery makes three
// times the depth of an operator.
const perLevel = 2

// A level is what has been read inside one pair of parentheses.
type level struct {
	chain  int  // set operations and joins
	run    int  // tokens since the last separator
	joined bool // AND and OR are no separators until the next comma
}

func (d *depth) scan() error {
	for i := 0; i < len(d.text) && d.tokens <= maxTokens; {
		next, err := d.token(i)
		if err != nil {
			return err
		}
		i = next
	}
	return nil
}

// token reads one token at i and gives the place after it.
func (d *depth) token(i int) (int, error) {
	s := d.text
	switch c := s[i]; {
	case IsSpace(c):
		return i + 1, nil
	case c == '-' && strings.HasPrefix(s[i:], "--"):
		return endOfLine(s, i), nil
	case c == '/' && strings.HasPrefix(s[i:], "/*"):
		return endOfComment(s, i)
	case c == '\'':
		d.add("")
		return endOfString(s, i, d.escape)
	case c == '"':
		d.word("")
		return endOfQuoted(s, i)
	case c == '$':
		d.word("")
		return endOfDollar(s, i)
	case IsWord(c):
		return d.identifier(i)
	}
	d.escape = false
	d.punctuation(s[i])
	return i + 1, nil
}

func (d *depth) identifier(i int) (int, error) {
	s, j := d.text, i
	number := s[i] >= '0' && s[i] <= '9' // a dollar after it begins something new
	for j < len(s) && (IsWord(s[j]) || s[j] == '$' && !number) {
		j++
	}
	d.word(s[i:j])
	if j < len(s) && s[j] == '\'' && j == i+1 && (s[i] == 'e' || s[i] == 'E') {
		d.escape = true
		return endOfString(s, j, true)
	}
	return j, nil
}

func (d *depth) add(prev string) {
	top := &d.levels[len(d.levels)-1]
	top.run++
	d.sum++
	d.max = max(d.max, d.sum)
	d.tokens++
	d.prev = prev
}

func (d *depth) word(w string) {
	d.escape = false
	top := &d.levels[len(d.levels)-1]
	label := d.prev == "." || d.prev == "AS" // a keyword may be a name there
	up := ""
	if len(w) <= len("INTERSECT") {
		up = strings.ToUpper(w)
	}
	switch up {
	case "AND", "OR":
		if !label && !top.joined {
			d.separate(top)
		}
	case "CASE", "BETWEEN":
		top.joined = true
	case "UNION", "INTERSECT", "EXCEPT", "JOIN":
		top.chain++
		d.sum++
	}
	d.add(up)
}

func (d *depth) punctuation(c byte) {
	top := &d.levels[len(d.levels)-1]
	switch c {
	case ',':
		d.tokens++
		d.separate(top)
		top.joined = false
	case ';':
		d.tokens++
		d.separate(top)
		d.sum -= top.chain
		top.chain, top.joined = 0, false
	case '(', '[':
		d.add("")
		d.levels = append(d.levels, level{chain: perLevel})
		d.sum += perLevel
		d.max = max(d.max, d.sum)
	case ')', ']': // no token: its opening counts
		if len(d.levels) > 1 {
			d.separate(top)
			d.sum -= top.chain
			d.levels = d.levels[:len(d.levels)-1]
		}
		d.prev = ""
	case '.':
		d.add(".")
	default:
		d.add("")
	}
}

func (d *depth) separate(l *level) {
	d.sum -= l.run
	l.run = 0
	d.prev = ""
}

// IsWord reports whether a byte may stand in a name or a number.
func IsWord(c byte) bool {
	return (c|0x20)-'a' < 26 || c-'0' < 10 || c == '_' || c >= 0x80
}

func endOfLine(s string, i int) int {
	if n := strings.IndexAny(s[i:], "\n\r"); n >= 0 {
		return i + n
	}
	return len(s)
}

// endOfComment skips a comment; they nest.
func endOfComment(s string, i int) (int, error) {
	open := 0
	for i < len(s) {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			open++
			i += 2
		case strings.HasPrefix(s[i:], "*/"):
			open--
			i += 2
			if open == 0 {
				return i, nil
			}
		default:
			i++
		}
	}
	return 0, ErrOpen
}

func endOfString(s string, i int, escape bool) (int, error) {
	for i++; i < len(s); i++ {
		switch {
		case s[i] == '\\' && escape:
			i++
		case s[i] == '\'' && i+1 < len(s) && s[i+1] == '\'':
			i++
		case s[i] == '\'':
			return i + 1, nil
		}
	}
	return 0, ErrOpen
}

func endOfQuoted(s string, i int) (int, error) {
	for i++; i < len(s); i++ {
		if s[i] != '"' {
			continue
		}
		if i+1 == len(s) || s[i+1] != '"' {
			return i + 1, nil
		}
		i++
	}
	return 0, ErrOpen
}

// endOfDollar skips $1, $$…$$ or $tag$…$tag$; a lone dollar is one byte.
func endOfDollar(s string, i int) (int, error) {
	j := i + 1
	for j < len(s) && s[j] >= '0' && s[j] <= '9' {
		j++
	}
	if j > i+1 {
		return j, nil
	}
	for j < len(s) && IsWord(s[j]) {
		j++
	}
	if j == len(s) || s[j] != '$' {
		return i + 1, nil
	}
	tag := s[i : j+1]
	n := strings.Index(s[j+1:], tag)
	if n < 0 {
		return 0, ErrOpen
	}
	return j + 1 + n + len(tag), nil
}
