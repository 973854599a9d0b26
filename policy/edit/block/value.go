package block

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sallyport.dev/sallyport/policy/hclconf/shape"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// value gives the tokens of one value as JSON tells it.
func value(v any, depth int) (hclwrite.Tokens, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested too deeply")
	}
	switch v := v.(type) {
	case string:
		if err := text(v); err != nil {
			return nil, err
		}
		return hclwrite.TokensForValue(cty.StringVal(v)), nil
	case bool:
		return hclwrite.TokensForValue(cty.BoolVal(v)), nil
	case float64:
		return hclwrite.TokensForValue(cty.NumberFloatVal(v)), nil
	case int:
		return hclwrite.TokensForValue(cty.NumberIntVal(int64(v))), nil
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return tuple(list, depth)
	case []any:
		return tuple(v, depth)
	case map[string]any:
		return marked(v, depth)
	}
	return nil, fmt.Errorf("it has no value")
}

func tuple(list []any, depth int) (hclwrite.Tokens, error) {
	if len(list) > maxItems {
		return nil, fmt.Errorf("it has more than %d elements", maxItems)
	}
	items := make([]hclwrite.Tokens, len(list))
	for i, item := range list {
		var err error
		if items[i], err = value(item, depth+1); err != nil {
			return nil, err
		}
	}
	return hclwrite.TokensForTuple(items), nil
}

// marked gives what is no plain value: the key says what it is.
func marked(v map[string]any, depth int) (hclwrite.Tokens, error) {
	word := func(key string) (string, bool) { s, ok := v[key].(string); return s, ok }
	if name, ok := word("ref"); ok && len(v) == 1 {
		return reference(name)
	}
	if src, ok := word("expr"); ok && len(v) == 1 {
		return Expression(src)
	}
	if name, ok := word("call"); ok && len(v) <= 2 {
		args, isList := v["args"].([]any)
		if _, stated := v["args"]; len(v) == 2 && (!stated || !isList) {
			return nil, fmt.Errorf("the args of a call are a list")
		}
		return call(name, args, depth)
	}
	if entries, ok := v["object"].(map[string]any); ok && len(v) == 1 {
		return object(entries, depth)
	}
	return nil, fmt.Errorf(`an object is {"ref": …}, {"expr": …}, {"call": …, "args": […]} or {"object": {…}}`)
}

// reference gives kind.name, of a kind that has names.
func reference(path string) (hclwrite.Tokens, error) {
	kind, name, ok := strings.Cut(path, ".")
	s := shape.Language().Blocks[kind]
	if !ok || s == nil || !s.Labelled || !hclsyntax.ValidIdentifier(name) {
		return nil, fmt.Errorf("%q is no reference such as service.github", path)
	}
	return hclwrite.TokensForTraversal(hcl.Traversal{hcl.TraverseRoot{Name: kind}, hcl.TraverseAttr{Name: name}}), nil
}

func call(name string, args []any, depth int) (hclwrite.Tokens, error) {
	if !hclsyntax.ValidIdentifier(name) {
		return nil, fmt.Errorf("%q is no function", name)
	}
	if len(args) > maxItems {
		return nil, fmt.Errorf("%s has more than %d arguments", name, maxItems)
	}
	list := make([]hclwrite.Tokens, len(args))
	for i, arg := range args {
		var err error
		if list[i], err = value(arg, depth+1); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return hclwrite.TokensForFunctionCall(name, list...), nil
}

// object gives { key = value }. A key role.NAME of an object is a reference, which
// is how by_role takes its accounts.
func object(entries map[string]any, depth int) (hclwrite.Tokens, error) {
	if len(entries) > maxItems {
		return nil, fmt.Errorf("it has more than %d entries", maxItems)
	}
	var attrs []hclwrite.ObjectAttrTokens
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if err := text(key); err != nil {
			return nil, err
		}
		name := hclwrite.TokensForValue(cty.StringVal(key))
		if role, ok := strings.CutPrefix(key, "role."); ok && hclsyntax.ValidIdentifier(role) {
			name = hclwrite.TokensForTraversal(hcl.Traversal{hcl.TraverseRoot{Name: "role"}, hcl.TraverseAttr{Name: role}})
		} else if hclsyntax.ValidIdentifier(key) {
			name = hclwrite.TokensForIdentifier(key)
		}
		val, err := value(entries[key], depth+1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		attrs = append(attrs, hclwrite.ObjectAttrTokens{Name: name, Value: val})
	}
	return hclwrite.TokensForObject(attrs), nil
}

// Expression gives the tokens of one whole expression. It must be one by itself:
// what ends it and begins something else is refused, and so are comments, which
// would swallow what follows.
func Expression(src string) (hclwrite.Tokens, error) {
	if err := text(src); err != nil {
		return nil, err
	}
	if err := shallow(src); err != nil {
		return nil, err
	}
	if _, diags := hclsyntax.ParseExpression([]byte(src), "", hcl.InitialPos); diags.HasErrors() {
		return nil, noExpression(diags)
	}
	tokens, diags := hclsyntax.LexExpression([]byte(src), "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, noExpression(diags)
	}
	var out hclwrite.Tokens
	end, lines := 0, false
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenEOF:
			continue
		case hclsyntax.TokenComment, hclsyntax.TokenOHeredoc:
			return nil, fmt.Errorf("it holds a comment or a heredoc")
		case hclsyntax.TokenNewline:
			lines = true
		}
		out = append(out, &hclwrite.Token{Type: t.Type, Bytes: t.Bytes, SpacesBefore: min(max(0, t.Range.Start.Byte-end), 1)})
		end = t.Range.End.Byte
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("it is empty")
	}
	out[0].SpacesBefore = 0
	if lines { // an attribute ends with its line, unless it stands in parentheses
		out = append(hclwrite.Tokens{{Type: hclsyntax.TokenOParen, Bytes: []byte("(")}}, out...)
		out = append(out, &hclwrite.Token{Type: hclsyntax.TokenCParen, Bytes: []byte(")")})
	}
	return out, nil
}

// noExpression says why, and where in the text; forms mark the place.
func noExpression(diags hcl.Diagnostics) error {
	d := diags[0]
	if d.Subject == nil {
		return fmt.Errorf("it is no expression: %s", d.Detail)
	}
	return fmt.Errorf("it is no expression (line %d, column %d): %s", d.Subject.Start.Line, d.Subject.Start.Column, d.Detail)
}
