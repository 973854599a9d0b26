package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sallyport.dev/sallyport/internal/bench/report"
	"sallyport.dev/sallyport/internal/bench/world"
)

// patience bounds one request, query or dial.
const patience = 30 * time.Second

// A worker does one thing again and again.
type worker struct {
	do    func() error
	close func()
}

// A round is what one round of load gave.
type round struct {
	ops     float64
	rate    float64 // per second
	p50     float64 // µs
	cpu     float64 // s per 10,000
	packets float64 // to the agent, per operation
}

// drive lets n workers work for a while. A failed operation ends it: a figure
// with errors in it is none.
func drive(ctx context.Context, t *world.Target, n int, d time.Duration, hire func(context.Context) (worker, error)) (round, error) {
	ctx, cancel := context.WithTimeout(ctx, d+time.Duration(n)*patience/10+patience)
	defer cancel()
	workers := make([]worker, 0, n)
	defer func() {
		for _, w := range workers {
			w.close()
		}
	}()
	for range n {
		w, err := hire(ctx)
		if err != nil {
			return round{}, fmt.Errorf("%s: %w", t.Name, err)
		}
		workers = append(workers, w)
	}
	cpu, err := t.CPU()
	if err != nil {
		return round{}, err
	}
	packets, begin := t.Counters().Packets, time.Now()
	times, err := work(ctx, workers, begin.Add(d))
	wall := time.Since(begin)
	if err != nil {
		return round{}, fmt.Errorf("%s: %w", t.Name, err)
	}
	after, err := t.CPU()
	if err != nil {
		return round{}, err
	}
	ops := float64(len(times))
	slices.Sort(times)
	return round{
		ops: ops, rate: ops / wall.Seconds(), p50: float64(times[len(times)/2]) / float64(time.Microsecond),
		cpu: (after - cpu) / ops * 10_000, packets: float64(t.Counters().Packets-packets) / ops,
	}, nil
}

// work gives how long each operation took.
func work(ctx context.Context, workers []worker, until time.Time) ([]time.Duration, error) {
	lists := make([][]time.Duration, len(workers))
	errs := make([]error, len(workers))
	var wg sync.WaitGroup
	for i, w := range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				begin := time.Now()
				if begin.After(until) {
					return
				}
				if errs[i] = w.do(); errs[i] != nil {
					return
				}
				lists[i] = append(lists[i], time.Since(begin))
			}
		})
	}
	wg.Wait()
	all := slices.Concat(lists...)
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("nothing was done in time")
	}
	return all, nil
}

// keep files a round under its variant.
func keep(s report.Samples, variant, what string, r round) {
	s.Add(variant, what+" rate", r.rate)
	s.Add(variant, what+" p50", r.p50)
	s.Add(variant, what+" cpu", r.cpu)
	s.Add(variant, what+" packets", r.packets)
}
