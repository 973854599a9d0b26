//go:build race

package policy

// raceEnabled: the race detector makes sync.Pool drop values at random.
const raceEnabled = true
