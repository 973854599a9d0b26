package main

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sallyport.dev/sallyport/internal/bench/report"
	"sallyport.dev/sallyport/internal/bench/world"
)

// measureDemo is what make demo does on a warm build: link, run, first verdict.
func measureDemo(ctx context.Context, b *bench) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	root, err := world.ModuleRoot(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	binary := filepath.Join(b.world.Dir, "demo")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/sallyport")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	built := time.Since(begin)
	cmd := exec.CommandContext(ctx, binary, "demo", "--once")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	p, err := b.world.Start("demo", cmd)
	if err != nil {
		return err
	}
	defer p.Stop()
	for sc := bufio.NewScanner(out); sc.Scan(); {
		if line := sc.Text(); strings.HasPrefix(line, "ok") || strings.HasPrefix(line, "BAD") {
			b.report.Value("demo", "first verdict on screen", time.Since(begin).Seconds(), "s", report.AtMost(60, "s"))
			b.report.Value("demo", "of that, building again", built.Seconds(), "s", nil)
			return nil
		}
	}
	return fmt.Errorf("it ended without a verdict, see %s", b.world.LogName())
}
