package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"sallyport.dev/sallyport/internal/bench/report"
	"sallyport.dev/sallyport/internal/bench/world"

	"github.com/jackc/pgx/v5"
)

// pgClients is the number of clients of the bars.
const pgClients = 16

// A dialect is one way to ask PostgreSQL something small.
type dialect struct {
	name string
	mode pgx.QueryExecMode
	ask  func(ctx context.Context, c *pgx.Conn, i int) error
}

func dialects() []dialect {
	return []dialect{
		{"simple", pgx.QueryExecModeSimpleProtocol, func(ctx context.Context, c *pgx.Conn, _ int) error {
			var one int
			return c.QueryRow(ctx, "select 1").Scan(&one)
		}},
		{"extended", pgx.QueryExecModeExec, func(ctx context.Context, c *pgx.Conn, i int) error {
			var v string
			return c.QueryRow(ctx, "select v from items where id = $1", i%1000+1).Scan(&v)
		}},
	}
}

// connectPG opens a session through a variant. Behind a gateway or a pooler the
// password of the agent does not matter.
func connectPG(ctx context.Context, t *world.Target, mode pgx.QueryExecMode) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conf, err := pgx.ParseConfig(fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", world.DBUser, world.DBPassword, world.DBName, world.Database))
	if err != nil {
		return nil, err
	}
	conf.DefaultQueryExecMode = mode
	conf.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	conf.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return t.Dial(ctx, world.DBName) }
	return pgx.ConnectConfig(ctx, conf)
}

// session hires a worker with a session of its own.
func session(t *world.Target, d dialect) func(context.Context) (worker, error) {
	return func(ctx context.Context) (worker, error) {
		c, err := connectPG(ctx, t, d.mode)
		if err != nil {
			return worker{}, err
		}
		i := 0
		w := worker{
			do: func() error { i++; return d.ask(ctx, c, i) },
			close: func() {
				c.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the round is over
			},
		}
		if err := w.do(); err != nil {
			w.close()
			return worker{}, err
		}
		return w, nil
	}
}

// measurePG is small queries of 16 clients.
func measurePG(ctx context.Context, b *bench) error {
	s := make(report.Samples)
	names := []string{"direct", "bare", "pgb", "sallyport"}
	for range b.rounds {
		for _, name := range names {
			t, err := b.world.Target(ctx, name)
			if errors.Is(err, world.ErrNoBouncer) {
				continue
			}
			if err != nil {
				return err
			}
			for _, d := range dialects() {
				r, err := drive(ctx, t, pgClients, b.duration, session(t, d))
				if err != nil {
					return err
				}
				keep(s, name, d.name, r)
			}
		}
	}
	const us = "sallyport"
	for _, d := range dialects() {
		what := d.name + ", 16 clients"
		b.report.Ratio("pg", what, s.Median(us, d.name+" rate"), s.Median("bare", d.name+" rate"), "q/s", "bare", report.AtLeast(0.85, "×"))
		b.report.Ratio("pg", what, s.Median(us, d.name+" cpu"), s.Median("bare", d.name+" cpu"), "CPU s/10k", "bare", report.AtMost(1.8, "×"))
		b.report.Ratio("pg", what, s.Median(us, d.name+" rate"), s.Median("direct", d.name+" rate"), "q/s", "direct", nil)
		b.report.Ratio("pg", what, s.Median(us, d.name+" packets"), s.Median("bare", d.name+" packets"), "packets an answer", "bare", nil)
		if !s.Has("pgb", d.name+" rate") {
			b.report.Note("pg: no *pgb*, because %s.", world.ErrNoBouncer)
			continue
		}
		b.report.Ratio("pg", what, s.Median(us, d.name+" rate"), s.Median("pgb", d.name+" rate"), "q/s", "pgb", nil)
		b.report.Ratio("pg", what, s.Median(us, d.name+" cpu"), s.Median("pgb", d.name+" cpu"), "CPU s/10k", "pgb", nil)
	}
	return nil
}
