// Package clause answers questions about single clauses in trees of PostgreSQL's
// grammar. It walks nothing.
package clause
