package entry

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// A narrow writer writes nothing until it is told that it is too late.
type narrow struct {
	*httptest.ResponseRecorder
	late chan struct{}
	told int
}

func (n *narrow) SetWriteDeadline(time.Time) error {
	n.told++
	close(n.late)
	return nil
}

func (n *narrow) Write([]byte) (int, error) {
	<-n.late
	return 0, errors.New("too late")
}

func TestAStallEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &narrow{ResponseRecorder: httptest.NewRecorder(), late: make(chan struct{})}
		rc := http.NewResponseController(w)
		var s Stall
		for range 3 { // what takes long and not too long, with longer pauses
			s.Begin(rc, time.Minute)
			time.Sleep(59 * time.Second) // of the bubble's clock
			s.Over()
			time.Sleep(time.Hour)
		}
		if w.told != 0 {
			t.Fatal("it ended what goes on")
		}
		begun := time.Now()
		s.Begin(rc, time.Minute)
		_, err := w.Write(nil)
		s.Over()
		if took := time.Since(begun); err == nil || took != time.Minute || w.told != 1 {
			t.Errorf("%v, after %v, told %d times", err, took, w.told)
		}
	})
}
