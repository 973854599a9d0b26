package main

import (
	"context"

	"sallyport.dev/sallyport/internal/bench/report"
	"sallyport.dev/sallyport/internal/bench/world"
)

// measureLoop is the line without the tunnel, beside nothing at all.
func measureLoop(ctx context.Context, b *bench) error {
	direct, err := b.world.Target(ctx, "direct")
	if err != nil {
		return err
	}
	loop, err := b.world.Loop("loop", false)
	if err != nil {
		return err
	}
	silent, err := b.world.Loop("silent", true)
	if err != nil {
		return err
	}
	s := make(report.Samples)
	for range b.rounds {
		for _, t := range []*world.Target{direct, loop, silent} {
			r, err := drive(ctx, t, manyConns, b.duration, keepAlive(t))
			if err != nil {
				return err
			}
			keep(s, t.Name, "http", r)
			if r, err = drive(ctx, t, 1, b.duration, keepAlive(t)); err != nil {
				return err
			}
			keep(s, t.Name, "one", r)
		}
	}
	const micro = 100 // CPU s per 10,000 in µs each
	cost, bare := s.Median("loop", "http cpu")*micro, s.Median("silent", "http cpu")*micro
	b.report.Ratio("loop", "HTTP, 64 connections", s.Median("loop", "http rate"), s.Median("direct", "http rate"), "req/s", "direct", report.AtLeast(0.3, "×"))
	b.report.Value("loop", "HTTP, processor time of a request", cost, "µs", report.AtMost(75, "µs"))
	b.report.Value("loop", "of that, audit (beside a gateway that writes nothing)", cost-bare, "µs", report.AtMost(12, "µs"))
	b.report.Ratio("loop", "HTTP, 1 connection, p50", s.Median("loop", "one p50"), s.Median("direct", "one p50"), "µs", "direct", nil)
	b.report.Ratio("loop", "HTTP, 1 connection, p50", s.Median("loop", "one p50"), s.Median("silent", "one p50"), "µs", "silent", nil)
	return nil
}
