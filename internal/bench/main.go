// Command bench measures the gateway beside references in the same run: direct,
// bare (WireGuard, a stack and a byte copy), proxy (bare, TLS and a plain
// ReverseProxy) and pgb (bare to pgbouncer). It needs no root and nothing outside
// the repository. It prints figures and judges nobody: the exit status tells only
// whether everything could be measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sallyport.dev/sallyport/internal/bench/report"
	"sallyport.dev/sallyport/internal/bench/roles"
	"sallyport.dev/sallyport/internal/bench/world"
)

// options are the command line.
type options struct {
	only    []string
	quick   bool
	keep    bool
	profile string
	binary  string

	rounds, bulkRounds int
	duration           time.Duration
	bulkMB             int
	idle               int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

func run(ctx context.Context, args []string) error {
	if len(args) == 2 && args[0] == roles.Command {
		return roles.Serve(ctx, args[1])
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	return measure(ctx, o)
}

func parse(args []string) (options, error) {
	o := options{rounds: 3, bulkRounds: 5, duration: 5 * time.Second, bulkMB: 200, idle: 1000}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	var only string
	fs.StringVar(&only, "only", "", "parts to measure, by comma: "+strings.Join(partNames(), ","))
	fs.BoolVar(&o.quick, "quick", false, "a smoke of about a minute; its figures mean little")
	fs.BoolVar(&o.keep, "keep", false, "leave the working folder, with the gateway's log")
	fs.StringVar(&o.profile, "profile", "", "write a CPU profile of every process into `FOLDER`")
	fs.StringVar(&o.binary, "binary", "", "measure this `sallyport` instead of building one")
	fs.IntVar(&o.rounds, "rounds", o.rounds, "rounds of requests and queries")
	fs.IntVar(&o.bulkRounds, "bulk-rounds", o.bulkRounds, "rounds of bulk transfers")
	fs.DurationVar(&o.duration, "d", o.duration, "time per round")
	fs.IntVar(&o.bulkMB, "mb", o.bulkMB, "size of a bulk transfer")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", fs.Arg(0))
	}
	if o.quick {
		o.rounds, o.bulkRounds, o.duration, o.bulkMB, o.idle = 1, 1, time.Second, 32, 200
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	for _, p := range o.only {
		if !slices.Contains(partNames(), p) {
			return o, fmt.Errorf("no part %q; there are %s", p, strings.Join(partNames(), ", "))
		}
	}
	return o, nil
}

// A part is one group of figures.
type part struct {
	name string
	run  func(ctx context.Context, b *bench) error
}

func parts() []part {
	return []part{
		{"http", measureHTTP},
		{"pg", measurePG},
		{"bulk", measureBulk},
		{"idle", measureIdle},
		{"dns", measureDNS},
		{"loop", measureLoop},
		{"loopdb", measureLoopDB},
		{"decide", measureDecide},
		{"audit", measureAudit},
		{"tailnet", measureTailnet},
		{"demo", measureDemo},
	}
}

func partNames() []string {
	var names []string
	for _, p := range parts() {
		names = append(names, p.name)
	}
	return names
}

// A bench is one run.
type bench struct {
	options
	world  *world.World
	report *report.Report
}

// measure runs the chosen parts and prints the report, whatever failed.
func measure(ctx context.Context, o options) error {
	if o.profile != "" {
		var err error
		if o.profile, err = filepath.Abs(o.profile); err != nil {
			return err
		}
		if err := os.MkdirAll(o.profile, 0o755); err != nil {
			return err
		}
	}
	w, err := world.New(ctx, world.Options{Keep: o.keep, Profile: o.profile, Binary: o.binary, Say: say})
	if err != nil {
		return err
	}
	defer w.Close()
	b := &bench{options: o, world: w, report: report.New()}
	var errs []error
	for _, p := range parts() {
		if len(o.only) > 0 && !slices.Contains(o.only, p.name) {
			continue
		}
		say("measuring %s", p.name)
		if err := p.run(ctx, b); err != nil {
			b.report.Missing(p.name, err)
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	b.report.Print(os.Stdout, o.quick)
	return errors.Join(errs...)
}

// say tells on stderr what is going on.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
