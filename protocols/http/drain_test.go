package http

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// A connection that is to be drained ends at once when nothing runs on it.
func TestAnIdleConnectionIsDrained(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("h2=%v", h2), func(t *testing.T) {
			b := newBench(t, http.HandlerFunc(echo))
			drain, changed := context.WithCancel(t.Context())
			b.drain = drain
			resp, err := b.client(h2).Get("https://api.example/")
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body) //nolint:errcheck // so that the connection is idle
			resp.Body.Close()
			changed()
			ends(t, b)
		})
	}
}

// A connection that was opened while the rules changed has its first answer.
func TestANewConnectionIsDrainedBehindItsFirstAnswer(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("h2=%v", h2), func(t *testing.T) {
			b := newBench(t, http.HandlerFunc(echo))
			drain, changed := context.WithCancel(t.Context())
			changed()
			b.drain = drain
			resp, err := b.client(h2).Get("https://api.example/")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("%s %v", resp.Status, err)
			}
			resp.Body.Close()
			ends(t, b)
		})
	}
}

// What runs on a connection that is to be drained is answered whole.
func TestDrainingCutsNothing(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("h2=%v", h2), func(t *testing.T) {
			inside, go1 := make(chan struct{}), make(chan struct{})
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, "one ") //nolint:errcheck // the client says what came
				w.(http.Flusher).Flush()
				close(inside)
				<-go1
				w.Write(make([]byte, 1<<20)) //nolint:errcheck // likewise
			}))
			drain, changed := context.WithCancel(t.Context())
			b.drain = drain
			resp, err := b.client(h2).Get("https://api.example/")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			<-inside
			changed()
			close(go1)
			if all, err := io.ReadAll(resp.Body); err != nil || len(all) != 4+1<<20 {
				t.Errorf("%d bytes, %v", len(all), err)
			}
		})
	}
}

// A connection that is to be drained and on which nothing is ever asked ends with its
// agent.
func TestAConnectionWithoutARequestIsOverWhenItIs(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	drain, changed := context.WithCancel(t.Context())
	changed()
	b.drain = drain
	for _, alpn := range []string{"http/1.1", "h2"} {
		b.tlsDial(alpn).Close()
	}
	ends(t, b)
}

// ends waits for the end of every connection.
func ends(t *testing.T, b *bench) {
	t.Helper()
	ended := make(chan struct{})
	go func() { b.served.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Error("it does not end")
	}
}
