// Package roles is what the benchmark's own processes do: the upstream, the
// references, the line without a tunnel, the writer of audit records. Each is
// told what to do in one line of JSON on its stdin, reports in one line on its
// stdout, and ends when its stdin does. It measures nothing but itself.
package roles

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
)

// Command is the hidden sub-command that this program runs itself with.
const Command = "child"

// An Order is what a child is told: one line of JSON on its stdin, whose end is
// the child's end.
type Order struct {
	Profile string          // file for a CPU profile; "": none
	Config  json.RawMessage // for its role
}

// A role starts what a child is for and gives what its parent must know. What
// it starts ends with the process.
type role func(ctx context.Context, config []byte) (ready any, err error)

func roles() map[string]role {
	return map[string]role{
		"upstream": serveUpstream, "forward": serveForward, "loop": serveLoop, "splice": serveSplice,
		"audit": fillAudit, "tailnet": serveTailnet,
	}
}

// Serve is the life of a child in a role.
func Serve(ctx context.Context, name string) error {
	run, ok := roles()[name]
	if !ok {
		return fmt.Errorf("no role %q", name)
	}
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("%s: read the order: %w", name, err)
	}
	var o Order
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("%s: read the order: %w", name, err)
	}
	if o.Profile != "" {
		f, err := os.Create(o.Profile)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		defer pprof.StopCPUProfile()
	}
	ready, err := run(ctx, o.Config)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return fmt.Errorf("%s: report: %w", name, err)
	}
	_, err = io.Copy(io.Discard, in)
	return err
}
