package pace

import (
	"net/netip"
	"testing"
	"time"
)

func TestT10_OneAgentsSYNsArePaced(t *testing.T) {
	var s SYNs
	now := time.Unix(1e9, 0)
	evil, good := netip.MustParseAddr("10.77.0.2"), netip.MustParseAddr("10.77.0.3")
	taken := 0
	for range 10 * perSecond {
		if s.Take(evil, now) {
			taken++
		}
	}
	if taken != perSecond {
		t.Errorf("%d at once, want %d", taken, perSecond)
	}
	if !s.Take(good, now) {
		t.Error("another agent pays for it")
	}
	if !s.Take(evil, now.Add(time.Second)) {
		t.Error("it is never forgiven")
	}
}

func TestT10_WaitsInVainEnd(t *testing.T) {
	var s SYNs
	now := time.Unix(1e9, 0)
	evil, good := netip.MustParseAddr("10.77.0.2"), netip.MustParseAddr("10.77.0.3")
	for range maxVain / (Steps * Step) {
		if !s.MayWait(evil, now) {
			t.Fatal("an ordinary agent may not wait")
		}
		s.WaitedInVain(evil, 1, now)
	}
	if s.MayWait(evil, now) || !s.MayWait(good, now) {
		t.Error("who waited in vain waits on, or another pays for it")
	}
	if !s.MayWait(evil, now.Add(vainWindow)) {
		t.Error("it is never forgiven")
	}
}

func TestWhatIsWaitedForTwiceLives(t *testing.T) {
	var s SYNs
	now := time.Unix(1e9, 0)
	a, b := netip.MustParseAddr("10.77.0.2"), netip.MustParseAddr("10.77.0.3")
	for _, tc := range []struct {
		from  netip.Addr
		what  string
		after time.Duration
		want  bool
	}{
		{a, "x", 0, false},
		{a, "y", 0, false},
		{b, "x", 0, false},
		{a, "x", time.Second, true},
		{a, "y", 3 * time.Second, true},
		{a, "x", remembered, false},
	} {
		if again := s.WaitedInVain(tc.from, tc.what, now.Add(tc.after)); again != tc.want {
			t.Errorf("%s waits for %s after %v: again is %v", tc.from, tc.what, tc.after, again)
		}
	}
	if n := len(s.from[a].what); n != 1 {
		t.Errorf("%d are remembered, want 1", n)
	}
}
