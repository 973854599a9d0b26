// Package audit writes down what happened: one record per action, chained by
// hashes and signed every minute, so that a change or a loss shows. It queues
// records and slows its callers down rather than drop one. It decides nothing,
// and where records are kept is its Store's business.
package audit

import "sallyport.dev/sallyport/audit/record"

// What crosses to the readers of the log.
type (
	// Record is one action as it is kept.
	Record = record.Record
	// Hash is a SHA-256.
	Hash = record.Hash
)
