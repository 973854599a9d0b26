package watch

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sallyport.dev/sallyport/protocols/postgres/ledger"
)

// A session is a ledger and what the watch has done to it, in seconds.
type session struct {
	Watch
	start     time.Time
	heard     time.Time
	blocked   time.Time
	lost      bool
	cancelled []int
	tired     []int
}

func newSession(statement, idle time.Duration) *session {
	s := &session{start: time.Now(), heard: time.Now()}
	since := func() int { return int(time.Since(s.start) / time.Second) }
	s.Watch = Watch{
		Statement: statement, Idle: idle, Ledger: ledger.New(ledger.Settings{}),
		Heard: func() time.Time { return s.heard }, Blocked: func() time.Time { return s.blocked }, Over: func() bool { return s.lost || len(s.tired) > 0 },
		Tire:   func() { s.tired = append(s.tired, since()) },
		Cancel: func() { s.cancelled = append(s.cancelled, since()) },
		Lose:   func() { s.lost = true },
	}
	return s
}

// watched runs f beside the watch and gives the session as it ended.
func watched(t *testing.T, statement, idle time.Duration, f func(*session)) *session {
	return watchedAs(t, statement, idle, func(*session) {}, f)
}

// watchedAs is watched for a session that begins as begin makes it.
func watchedAs(t *testing.T, statement, idle time.Duration, begin, f func(*session)) (s *session) {
	synctest.Test(t, func(*testing.T) {
		s = newSession(statement, idle)
		begin(s)
		done, over := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(over)
			s.Run(done)
		}()
		f(s)
		close(done)
		<-over
	})
	return s
}

func TestWhatRunsTooLongIsCancelled(t *testing.T) {
	s := watched(t, 4*time.Second, 0, func(s *session) {
		s.Ledger.Push(ledger.Item{Kind: ledger.Query})
		time.Sleep(8 * time.Second)
		s.Ledger.Hear(ledger.Event{Type: 'Z', Status: 'I'}, nil)
		time.Sleep(time.Minute)
	})
	if !slices.Equal(s.cancelled, []int{5}) && !slices.Equal(s.cancelled, []int{6}) || s.lost {
		t.Errorf("cancelled at %v, lost %v", s.cancelled, s.lost)
	}
}

func TestStatementsOfOneQueryAreTimedEach(t *testing.T) {
	s := watched(t, 4*time.Second, 0, func(s *session) {
		s.Ledger.Push(ledger.Item{Kind: ledger.Query})
		for range 10 {
			time.Sleep(3 * time.Second)
			s.Ledger.Hear(ledger.Event{Type: 'C', Text: "SELECT 1"}, nil)
		}
	})
	if len(s.cancelled) != 0 {
		t.Errorf("cancelled at %v", s.cancelled)
	}
}

// What no cancel stops ends its session: an agent that reads nothing keeps the
// server from hearing one.
func TestWhatCannotBeCancelledEndsItsSession(t *testing.T) {
	s := watched(t, 4*time.Second, 0, func(s *session) {
		s.Ledger.Push(ledger.Item{Kind: ledger.Query})
		time.Sleep(time.Minute)
	})
	if len(s.cancelled) != Cancels || !s.lost {
		t.Errorf("cancelled at %v, lost %v", s.cancelled, s.lost)
	}
}

func TestIdle(t *testing.T) {
	for name, c := range map[string]struct {
		during func(*session)
		tired  bool
	}{
		"nothing at all": {func(*session) {}, true},
		"busy":           {func(s *session) { s.Ledger.Push(ledger.Item{Kind: ledger.Query}) }, false},
		"it does not listen": {func(s *session) {
			s.Ledger.Push(ledger.Item{Kind: ledger.Query})
			s.blocked = time.Now()
		}, true},
		"it is waited for":   {func(s *session) { s.heard = time.Now().Add(time.Hour) }, false},
		"a COPY that stalls": {stalls, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := watchedAs(t, 0, 10*time.Second, c.during, func(*session) { time.Sleep(20 * time.Second) })
			if tired := len(s.tired) > 0; tired != c.tired || tired && (s.tired[0] < 10 || s.tired[0] > 12) {
				t.Errorf("tired at %v", s.tired)
			}
		})
	}
}

// An agent that has waited for a long statement, or for the lock of a COPY, has all of
// its time for what comes next.
func TestIdleBeginsWithTheAnswer(t *testing.T) {
	for _, answer := range []ledger.Event{{Type: 'Z', Status: 'I'}, {Type: 'G'}} {
		s := watched(t, 0, 10*time.Second, func(s *session) {
			s.Ledger.Push(ledger.Item{Kind: ledger.Query})
			time.Sleep(15*time.Second + time.Millisecond)
			s.Ledger.Hear(answer, nil)
			time.Sleep(20 * time.Second)
		})
		if len(s.tired) != 1 || s.tired[0] < 25 || s.tired[0] > 28 {
			t.Errorf("tired at %v, of %c at 15", s.tired, answer.Type)
		}
	}
}

func stalls(s *session) {
	s.Ledger.Push(ledger.Item{Kind: ledger.Query})
	s.Ledger.Hear(ledger.Event{Type: 'G'}, nil)
}
