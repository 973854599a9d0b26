package world

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"sallyport.dev/sallyport/internal/bench/roles"
)

// stopTime is how long a process may take to end.
const stopTime = 5 * time.Second

// flushTime is what a profile needs to be written.
const flushTime = 500 * time.Millisecond

// A Process is something that this program started and will end.
type Process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.Closer // its end is the process's; nil: it is told by a signal
	done  chan struct{}

	profiled bool // it writes its profiles at SIGUSR1 and SIGUSR2
}

func (p *Process) pid() int { return p.cmd.Process.Pid }

// Start runs a command that dies with this program, its stderr in the log. Stop
// it, unless it may live as long as the world.
func (w *World) Start(name string, cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	cmd.Stderr = w.log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{name: name, cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		cmd.Wait() //nolint:errcheck // how it ended matters only while it is awaited
	}()
	w.processes = append(w.processes, p)
	return p, nil
}

// Stop ends the process and waits for it.
func (p *Process) Stop() {
	if p.profiled {
		p.cmd.Process.Signal(syscall.SIGUSR1) //nolint:errcheck // it may have ended already
		time.Sleep(flushTime)
	}
	if p.stdin != nil {
		p.stdin.Close()
	} else {
		p.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // likewise
	}
	select {
	case <-p.done:
	case <-time.After(stopTime):
		p.cmd.Process.Kill() //nolint:errcheck // likewise
		<-p.done
	}
}

// Spawn starts a child in a role and reads into ready what it reports.
func (w *World) Spawn(name, roleName string, config, ready any) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	o := roles.Order{Config: raw}
	if w.options.Profile != "" {
		o.Profile = filepath.Join(w.options.Profile, name+".pprof")
	}
	line, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	cmd := exec.Command(self, roles.Command, roleName)
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p, err := w.Start(name, cmd)
	if err != nil {
		return nil, err
	}
	p.stdin = in
	if _, err := in.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("order %s: %w", name, err)
	}
	if err := json.NewDecoder(out).Decode(ready); err != nil {
		return nil, fmt.Errorf("%s did not start, see %s: %w", name, w.log.Name(), err)
	}
	return p, nil
}

// Heap has the variant write a profile of its heap, where -profile asks for one.
func (t *Target) Heap() {
	if t.process != nil && t.process.profiled {
		t.process.cmd.Process.Signal(syscall.SIGUSR2) //nolint:errcheck // a profile is only a help
		time.Sleep(flushTime)
	}
}
