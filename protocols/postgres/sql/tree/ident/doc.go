// Package ident writes the names in PostgreSQL's tree as rules do: parts with dots
// between them. It knows nothing of what a name stands for.
package ident
