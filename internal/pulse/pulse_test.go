package pulse

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTimeThatTheMachineStoodStillIsLeftOut(t *testing.T) {
	begin := time.Now()
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	for _, tc := range []struct {
		name     string
		ran      []int // when something ran, in milliseconds
		from, to int
		want     int
	}{
		{"all ran", []int{5, 10, 15, 20}, 0, 20, 20},
		{"a little late", []int{5, 33, 40}, 0, 40, 40},
		{"still for a second", []int{5, 1010, 1015}, 0, 1015, 15},
		{"still before it began", []int{5, 1010, 1015, 1020}, 1015, 1020, 5},
		{"still when it began", []int{5, 1010, 1015}, 900, 1015, 5},
		{"twice", []int{5, 1010, 1015, 2020, 2025}, 0, 2025, 25},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &Clock{last: begin}
			for _, ms := range tc.ran {
				c.ran(at(ms))
			}
			if got := c.between(at(tc.from), at(tc.to)); got != time.Duration(tc.want)*time.Millisecond {
				t.Errorf("%v, want %d ms", got, tc.want)
			}
		})
	}
}

func TestAMachineThatRunsIsNeverStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Start()
		defer c.Stop()
		begin := time.Now()
		if late := Sleep(time.Minute); late != 0 {
			t.Errorf("late by %v", late)
		}
		if got := c.Since(begin); got != time.Minute {
			t.Errorf("%v, want a minute", got)
		}
	})
}
