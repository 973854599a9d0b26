// Package tree reads the tree that PostgreSQL's grammar makes of a statement:
// what is carried out, which tables, columns and functions are named, whether an
// UPDATE or DELETE is bound. It exists only in builds with cgo; it decides
// nothing and keeps nothing.
package tree
