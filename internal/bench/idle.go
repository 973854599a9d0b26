package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"sallyport.dev/sallyport/internal/bench/report"
	"sallyport.dev/sallyport/internal/bench/world"

	"golang.org/x/sync/errgroup"
)

const (
	// settleTime lets what a start or a storm of connections left be collected.
	settleTime = 3 * time.Second
	opening    = 16 // connections that are opened at once
	dnsQueries = 300
	dnsWait    = 10 * time.Second
)

// measureIdle is the memory of a gateway that was just started, and of the
// connections that do nothing.
func measureIdle(ctx context.Context, b *bench) error {
	t, err := b.world.Target(ctx, "fresh")
	if err != nil {
		return err
	}
	if err := pause(ctx, settleTime); err != nil {
		return err
	}
	idle, err := t.RSS()
	if err != nil {
		return err
	}
	anonymous, err := t.Anonymous()
	if err != nil {
		return err
	}
	// What the tunnel keeps for every gateway in use is no connection's memory.
	if _, err := drive(ctx, t, manyConns, time.Second, keepAlive(t)); err != nil {
		return err
	}
	if err := pause(ctx, settleTime); err != nil {
		return err
	}
	used, err := t.RSS()
	if err != nil {
		return err
	}
	conns, err := openIdle(ctx, t, b.idle)
	defer func() {
		for _, c := range conns {
			c.conn.Close()
		}
	}()
	if err != nil {
		return err
	}
	if err := pause(ctx, settleTime); err != nil {
		return err
	}
	full, err := t.RSS()
	if err != nil {
		return err
	}
	t.Heap()
	for _, c := range conns {
		if _, err := c.get(); err != nil {
			return fmt.Errorf("an idle connection is no longer alive: %w", err)
		}
	}
	b.report.Value("idle", "RSS of an idle gateway", idle/1024, "MiB", report.AtMost(40, "MiB"))
	b.report.Value("idle", "of that, without the program text and other files", anonymous/1024, "MiB", nil)
	b.report.Value("idle", "RSS after a second of load", used/1024, "MiB", nil)
	b.report.Value("idle", fmt.Sprintf("memory of each of %d idle TLS connections", b.idle), (full-used)/float64(b.idle), "KiB", report.AtMost(60, "KiB"))
	return nil
}

// openIdle opens n connections, each after one request. Those it gives are to be
// closed, also with an error.
func openIdle(ctx context.Context, t *world.Target, n int) ([]*httpConn, error) {
	conns, errs := make([]*httpConn, n), make([]error, n)
	var g errgroup.Group
	g.SetLimit(opening)
	for i := range n {
		g.Go(func() error {
			if conns[i], errs[i] = newHTTPConn(ctx, t, world.APIName); errs[i] == nil {
				_, errs[i] = conns[i].get()
			}
			return nil
		})
	}
	g.Wait() //nolint:errcheck // each has its own
	var open []*httpConn
	for _, c := range conns {
		if c != nil {
			open = append(open, c)
		}
	}
	return open, errors.Join(errs...)
}

// measureDNS asks many times from as many sockets, and counts what stays behind.
func measureDNS(ctx context.Context, b *bench) error {
	t, err := b.world.Target(ctx, "sallyport")
	if err != nil {
		return err
	}
	before, err := goroutines(ctx, t)
	if err != nil {
		return err
	}
	cpu, err := t.CPU()
	if err != nil {
		return err
	}
	begin := time.Now()
	for range dnsQueries {
		if err := t.Ask(ctx); err != nil {
			return err
		}
	}
	wall := time.Since(begin)
	spent, err := t.CPU()
	if err != nil {
		return err
	}
	if err := pause(ctx, dnsWait); err != nil {
		return err
	}
	after, err := goroutines(ctx, t)
	if err != nil {
		return err
	}
	b.report.Value("dns", fmt.Sprintf("goroutines left %s after %d queries", dnsWait, dnsQueries), max(0, after-before), "", report.AtMost(0, ""))
	b.report.Value("dns", "one query after the other", wall.Seconds()/dnsQueries*1e6, "µs", nil)
	b.report.Value("dns", "processor time of a query", (spent-cpu)/dnsQueries*1e6, "µs", nil)
	return nil
}

// goroutines is the least that several looks see: other work comes and goes.
func goroutines(ctx context.Context, t *world.Target) (float64, error) {
	const looks, apart = 5, 200 * time.Millisecond
	least := math.Inf(1)
	for range looks {
		n, err := t.Metric(ctx, "go_goroutines")
		if err != nil {
			return 0, err
		}
		least = min(least, n)
		if err := pause(ctx, apart); err != nil {
			return 0, err
		}
	}
	return least, nil
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
