//go:build race

package wireguard

// raceEnabled: everything is ten times slower, and TCP's timers notice.
const raceEnabled = true
