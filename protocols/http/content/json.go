package content

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
)

const (
	maxDepth  = 64
	maxNodes  = 10_000
	maxDigits = 40 // of a number, as it is written
	maxPower  = 30 // of ten, in a number
	maxExact  = 1 << 53
	nodeSize  = 80 // bytes of an action.Node
)

var errUnclear = errors.New("readers could take the document differently")

// parseJSON reads one document (RFC 8259). A text that is not UTF-8, begins with a
// byte order mark, has something behind the document, or nests too deep is none.
func parseJSON(text []byte) (*action.Node, error) {
	if !utf8.Valid(text) || bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) {
		return nil, errUnclear
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	p := parser{d: d}
	root, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errUnclear
	}
	return &root, nil
}

// A parser builds the nodes of one document.
type parser struct {
	d     *json.Decoder
	nodes int
}

func (p *parser) value(depth int) (action.Node, error) {
	if p.nodes++; p.nodes > maxNodes || depth > maxDepth {
		return action.Node{}, errUnclear
	}
	t, err := p.d.Token()
	if err != nil {
		return action.Node{}, err
	}
	switch t := t.(type) {
	case string:
		return text(t), nil
	case json.Number:
		return number(t.String()), nil
	case bool:
		n := action.Node{Kind: action.NodeBool, Str: strconv.FormatBool(t)}
		if t {
			n.Num = 1
		}
		return n, nil
	case json.Delim:
		if t == '[' {
			return p.list(depth)
		}
		return p.object(depth)
	}
	return action.Node{Kind: action.NodeNull}, nil
}

// odd reports whether half of a surrogate pair stands in a string, which readers
// replace, keep or refuse, or a zero, where it ends for some.
func odd(s string) bool { return strings.ContainsRune(s, utf8.RuneError) || strings.ContainsRune(s, 0) }

func text(s string) action.Node {
	if odd(s) {
		return action.Node{}
	}
	return action.Node{Kind: action.NodeString, Str: s}
}

func (p *parser) list(depth int) (action.Node, error) {
	n := action.Node{Kind: action.NodeList}
	for p.d.More() {
		item, err := p.value(depth + 1)
		if err != nil {
			return n, err
		}
		n.Items = append(n.Items, item)
	}
	_, err := p.d.Token()
	return n, err
}

// object reads an object. A key that stands twice, if only but for case, stands
// for nothing clear: readers take the first, the last, or either.
func (p *parser) object(depth int) (action.Node, error) {
	n := action.Node{Kind: action.NodeObject}
	at := map[string]int{}
	for p.d.More() {
		t, err := p.d.Token()
		if err != nil {
			return n, err
		}
		key, ok := t.(string)
		if !ok || odd(key) {
			return n, errUnclear
		}
		item, err := p.value(depth + 1)
		if err != nil {
			return n, err
		}
		folded := foldKey(key)
		if i, twice := at[folded]; twice {
			n.Items[i], item = action.Node{}, action.Node{}
			if n.Keys[i] == key {
				continue
			}
		}
		at[folded] = len(n.Keys)
		n.Keys, n.Items = append(n.Keys, key), append(n.Items, item)
	}
	_, err := p.d.Token()
	return n, err
}

// foldKey gives the same for keys that strings.EqualFold takes for equal.
func foldKey(key string) string { return strings.ToLower(strings.ToUpper(key)) }

// number is exact, or unclear: 50.000000000000001 is not 50, whatever a reader
// with doubles makes of it.
func number(s string) action.Node {
	n := action.Node{Kind: action.NodeNumber, Str: s}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f > maxExact || f < -maxExact || len(s) > maxDigits || power(s) > maxPower {
		return action.Node{}
	}
	stands, ok := new(big.Rat).SetString(s)
	means, fine := new(big.Rat).SetString(strconv.FormatFloat(f, 'f', -1, 64))
	if !ok || !fine || stands.Cmp(means) != 0 {
		return action.Node{}
	}
	n.Num = f
	return n
}

// power is the size of the exponent of a number as it is written.
func power(s string) int {
	i := strings.IndexAny(s, "eE")
	if i < 0 {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimPrefix(s[i+1:], "+"))
	if err != nil {
		return maxPower + 1
	}
	return max(n, -n)
}
