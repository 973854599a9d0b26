//go:build unix

package pulse

import (
	"testing"
	"time"
)

func TestWhatIsSpentIsWork(t *testing.T) {
	before := Spent()
	time.Sleep(200 * time.Millisecond)
	if d := Spent() - before; d > 100*time.Millisecond {
		t.Errorf("to sleep for a while takes %v of the processor", d)
	}
	for end := time.Now().Add(time.Minute); Spent()-before < 20*time.Millisecond; {
		if time.Now().After(end) {
			t.Fatal("to work takes nothing")
		}
	}
}
