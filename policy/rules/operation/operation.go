// Package operation finds the operations of a service that a request is: named
// kinds of request with the effects that they have and the way their bodies are
// read. It compiles what hclconf read, once, and finds without allocating. It
// knows nothing of rules and verdicts.
package operation

import (
	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/cond"
)

// An Operation is a named kind of request and what it does.
type Operation struct {
	Name    string
	Effects action.Effects  // none: as the reading or the protocol knows it
	Reading *action.Reading // nil: none is declared
	reads   uint8           // its bit
	when    *cond.Cond
}

// A Hit is an operation that fits; Sure is false when its condition is unknown.
type Hit struct {
	*Operation
	Sure bool
	Need action.Need // pending facts of its condition
}

// Has reports whether an operation is among hits.
func Has(hits []Hit, op *Operation) bool {
	for i := range hits {
		if hits[i].Operation == op {
			return true
		}
	}
	return false
}

// Open gives the readings that hits declare: those that are certain, and those
// that one declares which only may fit.
func Open(hits []Hit) (reads, mayRead uint8) {
	for i := range hits {
		if h := &hits[i]; h.Sure {
			reads |= h.reads
		} else {
			mayRead |= h.reads
		}
	}
	return reads, mayRead
}
