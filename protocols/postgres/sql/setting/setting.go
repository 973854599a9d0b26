// Package setting reads which setting a statement of PostgreSQL's grammar gives a
// value, and which. It judges none of them.
package setting
