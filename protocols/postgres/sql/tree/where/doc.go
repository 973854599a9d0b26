// Package where tells whether a condition holds an UPDATE, DELETE or MERGE back.
// It reads trees of PostgreSQL's grammar and keeps nothing.
package where
