package main

import (
	"context"

	"sallyport.dev/sallyport/internal/bench/report"
)

// measureTailnet is the gateway as a node of a tailnet, beside a node of the same
// tailnet that only copies bytes. Both are reached through the same stock
// tailscaled.
func measureTailnet(ctx context.Context, b *bench) error {
	up, err := b.world.TailnetUp(ctx)
	if err != nil {
		return err
	}
	b.report.Value("tailnet", "two nodes up, from nothing", up.Seconds(), "s", report.AtMost(2, "s"))
	const us, ref = "ts-sallyport", "ts-splice"
	moved := transfers()[:2]
	s := make(report.Samples)
	for range b.bulkRounds {
		for _, x := range moved {
			for _, name := range []string{ref, us} {
				t, err := b.world.Target(ctx, name)
				if err != nil {
					return err
				}
				if err := measureTransfer(ctx, s, t, x, b.bulkMB*megabyte); err != nil {
					return err
				}
			}
		}
	}
	for range b.rounds {
		for _, name := range []string{ref, us} {
			t, err := b.world.Target(ctx, name)
			if err != nil {
				return err
			}
			r, err := drive(ctx, t, 1, b.duration, keepAlive(t))
			if err != nil {
				return err
			}
			keep(s, name, "1", r)
		}
	}
	for _, x := range moved {
		b.report.Ratio("tailnet", x.name, s.Median(us, x.name+" rate"), s.Median(ref, x.name+" rate"), "MB/s", ref, report.AtLeast(0.9, "×"))
		b.report.Ratio("tailnet", x.name, s.Median(us, x.name+" cpu"), s.Median(ref, x.name+" cpu"), "CPU s/GB", ref, nil)
	}
	b.report.Ratio("tailnet", "1 connection, HTTPS, p50", s.Median(us, "1 p50"), s.Median(ref, "1 p50"), "µs", ref, nil)
	b.report.Value("tailnet", "the same, more than "+ref, s.Median(us, "1 p50")-s.Median(ref, "1 p50"), "µs", report.AtMost(150, "µs"))
	return nil
}
