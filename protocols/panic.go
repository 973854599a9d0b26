package protocols

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// A Panic is a bug that a goroutine died of, as an error. It does not tell the
// value, which may hold anything of an agent's, unless the runtime made it.
type Panic struct {
	what  string
	stack string
}

// Caught makes an error of what recover gave; one that was caught before stays.
func Caught(value any) *Panic {
	if p, ok := value.(*Panic); ok {
		return p
	}
	what := fmt.Sprintf("a %T", value)
	if err, ok := value.(runtime.Error); ok {
		what = err.Error()
	}
	return &Panic{what: what, stack: string(debug.Stack())}
}

func (p *Panic) Error() string { return "panic: " + p.what }

// Stack is where it happened, for the operator.
func (p *Panic) Stack() string { return p.stack }

// IsPanic reports whether err came of a panic.
func IsPanic(err error) bool {
	var p *Panic
	return errors.As(err, &p)
}

// Rescue is deferred by every goroutine that touches what an agent or an origin
// sent: a panic becomes its error, and not the end of the process.
func Rescue(err *error) {
	if r := recover(); r != nil {
		*err = Caught(r)
	}
}

// After runs f when ctx ends, unless stop is called before. stop is called once; it
// waits for an f that runs and reports whether it kept f from running, so that
// what f touches may end after stop. A panic of f comes out of stop.
func After(ctx context.Context, f func()) (stop func() bool) {
	var late struct {
		sync.WaitGroup
		err error
	}
	late.Add(1)
	cancel := context.AfterFunc(ctx, func() {
		defer late.Done()
		defer Rescue(&late.err)
		f()
	})
	return func() bool {
		if cancel() {
			return true
		}
		late.Wait()
		if late.err != nil {
			panic(late.err)
		}
		return false
	}
}
