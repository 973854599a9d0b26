//go:build race

package tailnet

const raceEnabled = true
