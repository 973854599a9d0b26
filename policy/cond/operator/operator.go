// Package operator says what the operators of HCL mean between two numbers.
package operator

import (
	"math"
	"slices"

	"sallyport.dev/sallyport/policy/cond/kleene"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// An Order is one of < <= > >=, none of them if it is zero.
type Order uint8

// OrderOf gives the order that an operator means.
func OrderOf(op *hclsyntax.Operation) Order {
	return Order(1 + slices.Index([]*hclsyntax.Operation{
		hclsyntax.OpLessThan, hclsyntax.OpLessThanOrEqual, hclsyntax.OpGreaterThan, hclsyntax.OpGreaterThanOrEqual,
	}, op))
}

// Holds reports whether two numbers stand in the order.
func (o Order) Holds(a, b float64) bool {
	switch o {
	case 1:
		return a < b
	case 2:
		return a <= b
	case 3:
		return a > b
	default:
		return a >= b
	}
}

// Arithmetic gives the calculation that an operator means, nil if it is none. What
// it gives is unknown where it is not exact.
func Arithmetic(op *hclsyntax.Operation) func(a, b float64) kleene.Value {
	var calc func(a, b float64) float64
	switch op {
	case hclsyntax.OpAdd:
		calc = func(a, b float64) float64 { return a + b }
	case hclsyntax.OpSubtract:
		calc = func(a, b float64) float64 { return a - b }
	case hclsyntax.OpMultiply:
		calc = func(a, b float64) float64 { return a * b }
	case hclsyntax.OpDivide:
		calc = func(a, b float64) float64 { return a / b }
	case hclsyntax.OpModulo:
		calc = math.Mod
	default:
		return nil
	}
	return func(a, b float64) kleene.Value {
		n := calc(a, b)
		if math.IsNaN(n) || math.Abs(n) > kleene.MaxExact {
			return kleene.Value{} // divided by zero, or no longer exact
		}
		return kleene.Number(n)
	}
}
