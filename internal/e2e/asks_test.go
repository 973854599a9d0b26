//go:build e2e

package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A waiting ask, as the command lists it.
type waiting struct {
	ID     string
	Sample string
	Again  bool
}

// An asker is a machine whose curl asks for something.
type asker struct {
	*site
	m   *machine
	pem string
}

// back waits until the gateway is there again.
func (a *asker) back() {
	a.t.Helper()
	a.m.run("curl", "-fsS", "--retry", "20", "--retry-connrefused", "--retry-all-errors", "--retry-delay", "1", "--max-time", "10", "http://sallyport.internal/whoami")
}

// post sends a request that must be asked, and gives the status of the answer.
func (a *asker) post(body string, more ...string) string {
	a.t.Helper()
	args := append([]string{"curl", "-sS", "--max-time", "50", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", a.pem, "-d", body}, more...)
	return a.m.run(append(args, "https://api.e2e.example/v1/refunds")...)
}

// crash ends the gateway as a lost machine does, and starts it again.
func (a *asker) crash() {
	a.t.Helper()
	a.stop(syscall.SIGKILL)
	a.start()
	a.back()
}

// pending gives what waits.
func (a *asker) pending() (list []waiting) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.sallyport("", "approvals", "ls", "--json")), &list); err != nil {
		a.t.Fatal(err)
	}
	return list
}

// TestAnAskOutlivesACrash kills the gateway at every step of an ask, with a real
// curl and a real psql that come back.
func TestAnAskOutlivesACrash(t *testing.T) {
	require(t)
	s := newSite(t)
	s.fill("CREATE TABLE scratch (n int)")
	s.fill("INSERT INTO scratch VALUES (7), (8)")
	a := &asker{site: s, m: newMachine(t)}
	a.m.join(s.enrol("laptop"))
	a.pem = filepath.Join(a.m.dir, "sallyport.pem")
	a.m.run("curl", "-fsS", "http://sallyport.internal/ca.pem", "-o", a.pem)
	const async = "Prefer: respond-async"
	expect := func(step, got, want string) {
		t.Helper()
		if got != want {
			t.Fatalf("%s: %s, want %s\n%s", step, got, want, s.logged())
		}
	}

	expect("asked", a.post("to=bob", "-H", async), "202")
	expect("asked", a.post("to=dan", "-H", async), "202")
	held := make(chan error, 1)
	go func() {
		_, err := a.m.try("curl", "-sS", "--max-time", "50", "--keepalive-time", "5", "--cacert", a.pem, "-d", "to=cy", "https://api.e2e.example/v1/refunds")
		held <- err
	}()
	// They look every few seconds whether the other end is still there.
	change := []string{"psql", "-XAt", psqlURL + "&keepalives_idle=5&keepalives_interval=5&keepalives_count=4", "-c", "DELETE FROM scratch WHERE n = 7"}
	session := make(chan error, 1)
	go func() {
		_, err := a.m.try(change...)
		session <- err
	}()
	a.m.await("the asks of held connections", func() bool { return len(a.pending()) == 4 })
	// One is in the list a moment before it is on the disk, and logged when it is there.
	a.m.await("the asks to be kept", func() bool { return strings.Count(s.logged(), `"msg":"approval asked"`) == 4 })

	a.crash() // while four wait, two of them on their connections
	if err := <-held; err == nil {
		t.Error("a connection outlives the gateway")
	}
	if err := <-session; err == nil {
		t.Error("a session outlives the gateway")
	}
	list := a.pending()
	if len(list) != 4 {
		t.Fatalf("after the crash %+v waits", list)
	}
	for _, r := range list {
		out := a.m.run("curl", "-fsS", "http://sallyport.internal/approvals/"+r.ID)
		if !r.Again || !strings.Contains(out, `"state":"pending"`) {
			t.Errorf("%+v; the agent sees %s", r, out)
		}
		verb := "approve"
		if strings.Contains(r.Sample, "to=dan") {
			verb = "deny"
		}
		s.sallyport("", "approvals", verb, r.ID, "--note", "seen")
	}

	a.crash() // when all have their answers
	expect("another body", a.post("to=eve", "-H", async), "202")
	expect("the same, approved before the crash", a.post("to=bob", "-H", async), "200")
	expect("the same, held at the first crash", a.post("to=cy"), "200")
	expect("denied before the crash", a.post("to=dan", "-H", async), "403")
	expect("the same statement, held at the first crash", strings.TrimSpace(a.m.run(change...)), "DELETE 1")
	for range 2 {
		if got := <-s.seen; !strings.Contains(got, "POST /v1/refunds") {
			t.Errorf("the upstream saw %s", got)
		}
	}

	a.crash() // when the answers are used
	expect("the same, used before the crash", a.post("to=bob", "-H", async), "202")
	expect("denied before the crash", a.post("to=dan", "-H", async), "403")
	if out := s.sallyport("", "audit", "verify"); !strings.Contains(out, "whole") {
		t.Errorf("audit verify: %s", out)
	}
}
