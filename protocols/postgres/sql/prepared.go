package sql

import "sallyport.dev/sallyport/action"

// Resolve gives parts with every EXECUTE replaced by what it runs: lookup names
// all that may stand behind a name in this session (both what the server has
// confirmed and what is still under way), and a PREPARE earlier in parts counts
// too. A name with nothing behind it is an error for the agent. Parts without an
// EXECUTE are returned as they are.
func Resolve(parts []action.Part, lookup func(name string) []action.Part) ([]action.Part, error) {
	return parts, nil
}
