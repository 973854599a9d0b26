package scrub

import (
	"fmt"
	"sync"
	"testing"
)

func TestASetKeepsWhatWasUsed(t *testing.T) {
	var s Set
	value := func(i int) string { return fmt.Sprintf("value-number-%04d", i) }
	s.With("other", 100, []byte("the-other-value"))
	for i := range 5 {
		m := s.With("a", uint64(i), []byte(value(i)))
		if again := s.With("a", uint64(i), []byte(value(i))); again != m {
			t.Fatal("a value that is there made another matcher")
		}
	}
	m := s.With("a", 4, nil)
	for text, masked := range map[string]bool{value(0): false, value(1): false, value(2): true, value(3): true, value(4): true, "the-other-value": true} {
		if got := m.Mask([]byte(text)); got != masked {
			t.Errorf("%s: masked %v", text, got)
		}
	}
}

func TestASetGrowsFromManySides(t *testing.T) {
	var s Set
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			text := fmt.Sprintf("secret-of-service-%d", i)
			if !s.With(text, uint64(i), []byte(text)).Mask([]byte(text)) {
				t.Errorf("%s is not found by the matcher that it got", text)
			}
		})
	}
	wg.Wait()
}

func BenchmarkSet(b *testing.B) {
	var s Set
	for i, v := range secretsOf(50, 40) {
		s.With(fmt.Sprint(i), uint64(i), v)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.With("7", 7, nil)
	}
}
