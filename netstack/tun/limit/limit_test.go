package limit

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestDeadlinePasses(t *testing.T) {
	const s = time.Second
	for _, tc := range []struct {
		name string
		sets []time.Duration // from now, one a second; 0: never
		want time.Duration   // when it passes; 0: not
	}{
		{"once", []time.Duration{5 * s}, 5 * s},
		{"moved later", []time.Duration{5 * s, 9 * s}, 10 * s},
		{"moved later twice", []time.Duration{5 * s, 5 * s, 5 * s}, 7 * s},
		{"moved nearer", []time.Duration{90 * s, 5 * s}, 6 * s},
		{"taken back", []time.Duration{5 * s, 0}, 0},
		{"taken back and set again", []time.Duration{5 * s, 0, 50 * s}, 52 * s},
		{"taken back and set nearer", []time.Duration{5 * s, 0, s}, 3 * s},
		{"in the past", []time.Duration{5 * s, -s}, s},
		{"set again after it passed", []time.Duration{-s, 5 * s}, 6 * s},
		{"taken back after it passed", []time.Duration{-s, 0}, 0},
		{"far away", []time.Duration{1<<63 - 1}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var d Time
			defer d.Stop()
			begin := time.Now()
			for i, in := range tc.sets {
				at := time.Time{}
				if in != 0 {
					at = time.Now().Add(in)
				}
				d.Set(at)
				if i < len(tc.sets)-1 {
					time.Sleep(s)
				}
			}
			select {
			case <-d.Wait():
			case <-time.After(1000 * s):
			}
			passed := time.Since(begin)
			if tc.want == 0 && d.Over() || tc.want != 0 && (passed != tc.want || !d.Over()) {
				t.Errorf("%s: passed after %s: %v, want %s", tc.name, passed, d.Over(), tc.want)
			}
		})
	}
}

// Whoever waits already sees the moment that is set later.
func TestDeadlineReachesWhoWaits(t *testing.T) {
	var d Time
	defer d.Stop()
	d.Set(time.Now().Add(time.Hour))
	before := d.Wait()
	d.Set(time.Time{})
	d.Set(time.Now().Add(-1))
	if !isDone(before) {
		t.Error("a channel given out before is still open")
	}
	d.Set(time.Time{})
	if isDone(d.Wait()) {
		t.Error("the channel of a deadline that was taken back is closed")
	}
}

func TestDeadlineStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Time
		d.Set(time.Now().Add(time.Second))
		d.Stop()
		if d.timer.Stop() {
			t.Error("the timer runs on")
		}
		time.Sleep(2 * time.Second)
		if d.Over() || isDone(d.Wait()) {
			t.Error("it passed all the same")
		}
	})
}

// A server sets a deadline for each request, which must cost nothing.
func TestDeadlineAllocatesNothing(t *testing.T) {
	var d Time
	defer d.Stop()
	d.Set(time.Now().Add(time.Hour))
	d.Wait()
	if n := testing.AllocsPerRun(100, func() {
		d.Set(time.Now().Add(2 * time.Hour))
		d.Set(time.Now().Add(time.Minute))
		d.Set(time.Time{})
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDeadline(b *testing.B) {
	var d Time
	defer d.Stop()
	for b.Loop() {
		d.Set(time.Now().Add(time.Minute))
		d.Set(time.Time{})
	}
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
