// Package corpus holds what an agent might try to get past the rules with
// PostgreSQL, statement by statement, with what a service must answer and the
// proof, on a real server, that what is refused would have had an effect. It
// contains no code but tests.
package corpus
