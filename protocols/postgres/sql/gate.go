//go:build cgo

package sql

import (
	"runtime"
	"time"
)

// What is large for the grammar: beyond it a text waits for its turn among the
// large ones. One of largeTokens takes about 10 ms.
const largeTokens = 8000

// A large text leaves the grammar to others for restFactor times as long as it
// took it, at most maxRest.
const (
	restFactor = 3
	maxRest    = 2 * time.Second
)

// A gate bounds how long one agent's texts keep others from the grammar, and how
// much memory trees take: one large one, and a few small ones, at a time.
type gate struct {
	large   *turns // texts of many tokens, their trees included
	small   *turns // texts of few tokens, their trees included
	grammar *turns // the C parser
}

func newGate() *gate {
	return &gate{large: newTurns(1), small: newTurns(2 * runtime.GOMAXPROCS(0)), grammar: newTurns(1)}
}

// pass runs parse, alone, and then walk, and reports false if the caller gave up
// before. A large text keeps the next large one waiting for a while, so that small
// ones find the grammar free.
func (g *gate) pass(c caller, tokens int, parse, walk func()) bool {
	if tokens <= largeTokens {
		if !g.small.enter(c) {
			return false
		}
		defer g.small.leave()
		_, ok := g.alone(c, parse)
		if ok {
			walk()
		}
		return ok
	}
	if !g.large.enter(c) {
		return false
	}
	var took time.Duration
	defer func() { time.AfterFunc(min(restFactor*took, maxRest), g.large.leave) }()
	var ok bool
	if took, ok = g.alone(c, parse); ok {
		walk()
	}
	return ok
}

// alone runs parse while nobody else does.
func (g *gate) alone(c caller, parse func()) (took time.Duration, ok bool) {
	if !g.grammar.enter(c) {
		return 0, false
	}
	defer g.grammar.leave()
	start := time.Now()
	parse()
	return time.Since(start), true
}
