// Package audit writes down what happened: one record per action, chained by
// hashes and signed every minute, so that a change or a loss shows. It queues
// records and slows its callers down rather than drop one. It decides nothing,
// and where records are kept is its Store's business.
package audit

import (
	"sallyport.dev/sallyport/audit/query"
	"sallyport.dev/sallyport/audit/record"
)

// What crosses to the readers of the log.
type (
	// Record is one action as it is kept.
	Record = record.Record
	// Hash is a SHA-256.
	Hash = record.Hash
	// Query says which records are wanted.
	Query = query.Query
	// Term is one condition of a Query.
	Term = query.Term
)

// The bounds of Query.Limit.
const (
	DefaultLimit = query.DefaultLimit
	MaxLimit     = query.MaxLimit
)

// ParseQuery reads a Query as people write it, see query.Parse.
func ParseQuery(s string) (Query, error) { return query.Parse(s) }

// Fields lists what a term of a Query may name.
func Fields() []string { return query.Fields() }
