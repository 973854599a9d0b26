package block

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// roomy gives what write makes of src. A block in one line takes one attribute and no
// more (HCL, "one-line blocks"): where that is too little, it gets lines of its own, and
// so do those inside of it if need be.
func roomy(src []byte, write func(src []byte) ([]byte, error)) ([]byte, error) {
	out, err := write(src)
	for _, all := range []bool{false, true} {
		if err != nil || reads(out) {
			break
		}
		out, err = write(unfolded(src, all))
	}
	return out, err
}

func reads(src []byte) bool {
	_, diags := hclsyntax.ParseConfig(src, "", hcl.InitialPos)
	return !diags.HasErrors()
}

// unfolded is src with line breaks inside of the braces of its outermost block, or of
// all, where there are none.
func unfolded(src []byte, all bool) []byte {
	tokens, diags := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	if diags.HasErrors() {
		return src
	}
	var open []int   // braces by their token
	var breaks []int // offsets
	for i, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace:
			open = append(open, i)
		case hclsyntax.TokenCBrace:
			if len(open) == 0 {
				return src
			}
			at := open[len(open)-1]
			open = open[:len(open)-1]
			if begins(tokens, at) && tokens[at+1].Type != hclsyntax.TokenNewline && (all || len(open) == 0) {
				breaks = append(breaks, tokens[at].Range.End.Byte, t.Range.Start.Byte)
			}
		}
	}
	slices.Sort(breaks)
	var out []byte
	last := 0
	for _, at := range slices.Compact(breaks) {
		out = append(append(out, src[last:at]...), '\n')
		last = at
	}
	return append(out, src[last:]...)
}

// begins reports whether a brace is a block's: it stands behind its type or a label,
// which no brace of an object does.
func begins(tokens hclsyntax.Tokens, brace int) bool {
	return brace > 0 && (tokens[brace-1].Type == hclsyntax.TokenIdent || tokens[brace-1].Type == hclsyntax.TokenCQuote)
}
