package main

import (
	"context"
	"fmt"
	"path/filepath"

	"sallyport.dev/sallyport/internal/bench/report"
	"sallyport.dev/sallyport/internal/bench/roles"
)

// measureAudit is what a record costs at the rate of the bar.
func measureAudit(_ context.Context, b *bench) error {
	c := roles.AuditConfig{State: filepath.Join(b.world.Dir, "audit"), Seconds: 5}
	if b.quick {
		c.Seconds = 2
	}
	var got roles.AuditReady
	if _, err := b.world.Spawn("audit", "audit", c, &got); err != nil {
		return err
	}
	if len(got.Problems) > 0 {
		return fmt.Errorf("the log does not verify: %v", got.Problems)
	}
	n := float64(roles.AuditRate * c.Seconds)
	b.report.Value("audit", "processor time of a record", (got.CPU-got.Baseline)/n*1e6, "µs", report.AtMost(12, "µs"))
	b.report.Value("audit", "records kept, until the last is on disk", n/got.Seconds, "/s", nil)
	b.report.Value("audit", "records lost", float64(got.Missing), "", report.AtMost(0, ""))
	return nil
}
