// Package e2e plays the main job with programs that nobody here wrote: curl,
// psql and pgbench on a machine of their own (a network namespace) whose only
// way out is a stock wireguard-go brought up by wg-quick. Its tests run with
// -tags e2e, as root, against the binary that make test built. It contains no
// code but tests.
package e2e
