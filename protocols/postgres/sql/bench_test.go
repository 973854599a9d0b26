//go:build cgo

package sql

import (
	"fmt"
	"strings"
	"testing"
)

func BenchmarkHit(b *testing.B) {
	join := "SELECT " + strings.Repeat("a.column_name, ", 60) + "1 FROM a JOIN b ON a.id = b.id WHERE a.x = 5 AND b.y = 'z' ORDER BY 1"
	for name, text := range map[string]string{
		"select57":  "SELECT abalance FROM pgbench_accounts WHERE aid = 123456",
		"params":    "SELECT abalance FROM pgbench_accounts WHERE aid = $1",
		"commenter": "SELECT abalance FROM pgbench_accounts WHERE aid = $1 /*traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/",
		"join1k":    join,
		"begin":     "BEGIN",
	} {
		b.Run(name, func(b *testing.B) {
			a, s := New(1<<20), confirmed()
			if _, err := a.Parse(text, s); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Parse(text, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHitParallel(b *testing.B) {
	a, s := New(1<<20), confirmed()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := a.Parse("SELECT abalance FROM pgbench_accounts WHERE aid = 123456", s); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkMiss(b *testing.B) {
	for _, n := range []int{1, 20, 1000} {
		text := "INSERT INTO t (a, b) VALUES (1, 'x')" + strings.Repeat(", (1, 'x')", n-1)
		b.Run(fmt.Sprintf("insert%d", n), func(b *testing.B) {
			a, s := New(0), confirmed()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Parse(text, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
