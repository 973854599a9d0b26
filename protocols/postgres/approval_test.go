package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A desk is a scripted approver: it shows what it is asked, and a test answers.
type desk struct {
	asked  chan *action.Action
	answer chan action.Decision
}

var (
	yes = action.Decision{Verdict: action.Allow, Rule: "boom"}
	no  = action.Decision{Rule: "boom", Reason: "Denied by ana."}
)

// atDesk asks about what says boom.
func atDesk(set ...func(*line)) (*desk, func(*line)) {
	d := &desk{asked: make(chan *action.Action, 10), answer: make(chan action.Decision)}
	return d, func(l *line) {
		l.decide = asksBoom
		l.settle = func(ctx context.Context, a *action.Action, _ action.Decision) action.Decision {
			d.asked <- a
			select {
			case got := <-d.answer:
				return got
			case <-ctx.Done():
				return action.Decision{Rule: "boom", Reason: fmt.Sprint(context.Cause(ctx))}
			}
		}
		for _, f := range set {
			f(l)
		}
	}
}

// ways are how one statement may be sent; simple ends with its own ReadyForQuery.
var ways = map[string]func(sql string) []pgproto3.FrontendMessage{
	"simple":   func(sql string) []pgproto3.FrontendMessage { return []pgproto3.FrontendMessage{query(sql)} },
	"extended": func(sql string) []pgproto3.FrontendMessage { return extended(sql) },
	"pipeline": func(sql string) []pgproto3.FrontendMessage {
		list := []pgproto3.FrontendMessage{prepare("", "SELECT 1"), bind("", ""), run("")}
		return append(list, append(extended(sql), extended("SELECT 3")...)...)
	},
}

func extended(sql string) []pgproto3.FrontendMessage {
	return []pgproto3.FrontendMessage{prepare("", sql), bind("", ""), run(""), syncNow}
}

const waiting = "sallyport: this statement waits for an approval"

func TestAnApproverAnswersInEveryProtocol(t *testing.T) {
	for name, c := range map[string]struct {
		answer action.Decision
		want   map[string]string // after the notice
	}{
		"yes": {yes, map[string]string{
			"simple": "D:boom C:SELECT 1 Z:I", "extended": "2 D:boom C:SELECT 1 Z:I",
			"pipeline": "2 D:boom C:SELECT 1 Z:I 1 2 D:3 C:SELECT 1 Z:I",
		}},
		"no": {no, map[string]string{
			"simple": "E:42501 Z:I", "extended": "E:42501 Z:I", "pipeline": "E:42501 Z:I 1 2 D:3 C:SELECT 1 Z:I",
		}},
	} {
		for way, message := range ways {
			t.Run(name+" "+way, func(t *testing.T) {
				d, set := atDesk()
				l := newLine(t, set)
				cl := l.ready(t)
				cl.send(message("SELECT 'boom'")...)
				<-d.asked
				got := cl.until('N')
				d.answer <- c.answer
				got += " " + cl.until('Z')
				if way == "pipeline" {
					got += " " + cl.until('Z')
				}
				// The server's answers to what came before may come on either side of the notice.
				got = strings.ReplaceAll(strings.ReplaceAll(got, "N:"+waiting+" ", ""), "1 2 D:1 C:SELECT 1 1 ", "")
				if got = strings.TrimPrefix(got, "1 "); got != c.want[way] {
					t.Errorf("%s, want %s", got, c.want[way])
				}
				cl.send(query("SELECT 5"))
				if got := cl.until('Z'); got != "D:5 C:SELECT 1 Z:I" {
					t.Errorf("the session is not usable: %s", got)
				}
			})
		}
	}
}

// refused gives the records of what was refused.
func (l *line) refused() []record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []record
	for _, r := range l.records {
		if r.decision.Verdict != action.Allow {
			out = append(out, *r)
		}
	}
	return out
}

// locked reports whether somebody holds a lock on a table that keeps writers out.
func (db *database) locked(t *testing.T, table string) bool {
	t.Helper()
	out, err := db.psql("app", "BEGIN; LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE NOWAIT; ROLLBACK")
	if err != nil && !strings.Contains(out, "could not obtain lock") {
		t.Fatal(out)
	}
	return err != nil
}

// backend tells how the server sees a session: "gone", "idle" or in a transaction.
func (db *database) backend(t *testing.T, cl *client) string {
	t.Helper()
	out, err := db.psql("app", fmt.Sprintf(
		"SELECT CASE WHEN xact_start IS NULL THEN 'idle' ELSE 'in a transaction' END FROM pg_stat_activity WHERE pid = %d", cl.key.ProcessID))
	if err != nil {
		t.Fatal(out)
	}
	if out == "" {
		return "gone"
	}
	return out
}

// TestAHangUpOrACancelEndsAWaitAndItsLocks: whatever the agent holds on the server
// is given back.
func TestAHangUpOrACancelEndsAWaitAndItsLocks(t *testing.T) {
	lock := "BEGIN; LOCK TABLE doomed"
	for way, message := range ways {
		for _, how := range []string{"hang-up", "cancel"} {
			t.Run(how+" "+way, func(t *testing.T) {
				d, set := atDesk()
				l, db := newLine(t, set), needDatabase(t)
				cl := l.ready(t)
				cl.send(query(lock))
				if got := cl.until('Z'); !strings.HasSuffix(got, "Z:T") {
					t.Fatal(got)
				}
				cl.send(message("SELECT 'boom'")...)
				asked := <-d.asked
				if !strings.Contains(string(asked.Sample), "transaction: open, what it has locked stays locked until the answer, for at most 1m0s\n") {
					t.Errorf("the approver is not told of the transaction: %s", asked.Sample)
				}
				cl.until('N')
				if !db.locked(t, "doomed") {
					t.Fatal("nothing is locked while it waits")
				}
				if how == "hang-up" {
					cl.conn.Close()
					await(t, "the server's session ends", func() bool { return db.backend(t, cl) == "gone" })
				} else {
					l.cancel(t, cl.key)
					if got := cl.until('Z'); !strings.HasSuffix(got, "E:57014 Z:E") {
						t.Error(got)
					}
				}
				await(t, "the locks are given back", func() bool { return !db.locked(t, "doomed") })
			})
		}
	}
}

// TestT44_ATransactionStaysOpenForAnApprovalOnlySoLong: then it fails, and its locks
// are given back although the agent does nothing.
func TestT44_ATransactionStaysOpenForAnApprovalOnlySoLong(t *testing.T) {
	short := func(l *line) { l.service.Session.IdleTimeout = time.Second }
	for way, message := range ways {
		t.Run(way, func(t *testing.T) {
			d, set := atDesk(short)
			l, db := newLine(t, set), needDatabase(t)
			cl := l.straight(t, append([]pgproto3.FrontendMessage{query("BEGIN; LOCK TABLE doomed")}, message("SELECT 'boom'")...)...)
			<-d.asked
			got := cl.until('E')
			if got != "E:25P03" && !strings.HasSuffix(got, " E:25P03") {
				t.Fatal(got)
			}
			await(t, "the locks are given back", func() bool { return !db.locked(t, "doomed") })
			if got := cl.until('Z'); got != "Z:E" {
				t.Error(got)
			}
			if got := l.refused(); len(got) != 1 || !strings.Contains(got[0].decision.Reason, "open for too long") {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("an implicit transaction", func(t *testing.T) {
		d, set := atDesk(short)
		l, db := newLine(t, set), needDatabase(t)
		cl := l.straight(t, append([]pgproto3.FrontendMessage{prepare("", "INSERT INTO doomed VALUES (1)"), bind("", ""), run("")}, extended("SELECT 'boom'")...)...)
		if asked := <-d.asked; !strings.Contains(string(asked.Sample), "transaction: open, what it has locked stays locked until the answer, for at most 1s") {
			t.Errorf("%s", asked.Sample)
		}
		if got := cl.until('Z'); !strings.HasSuffix(got, "E:25P03 Z:I") {
			t.Error(got)
		}
		if db.locked(t, "doomed") {
			t.Error("it is locked")
		}
	})
	t.Run("with a savepoint", func(t *testing.T) {
		d, set := atDesk(short)
		l, db := newLine(t, set), needDatabase(t)
		ms := append([]pgproto3.FrontendMessage{query("BEGIN"), query("LOCK TABLE doomed")}, extended("SAVEPOINT a")...)
		cl := l.straight(t, append(ms, query("SELECT 'boom'"))...)
		<-d.asked
		if got := cl.until('E'); !strings.HasSuffix(got, "E:25P03") {
			t.Error(got)
		}
		await(t, "the session ends", func() bool { return db.backend(t, cl) == "gone" && !db.locked(t, "doomed") })
	})
}

// TestAWaitHoldsNoImplicitTransaction: what was only prepared is given back, so
// that the wait may be as long as it takes.
func TestAWaitHoldsNoImplicitTransaction(t *testing.T) {
	d, set := atDesk(func(l *line) { l.service.Session.IdleTimeout = time.Second })
	l, db := newLine(t, set), needDatabase(t)
	cl := l.straight(t, prepare("", "SELECT 'boom' FROM users LIMIT 1"), &pgproto3.Describe{ObjectType: 'S'}, bind("", ""), run(""), syncNow, query("SELECT 2"))
	asked := <-d.asked
	if strings.Contains(string(asked.Sample), "transaction:") {
		t.Errorf("%s", asked.Sample)
	}
	await(t, "the transaction ends", func() bool { return db.backend(t, cl) == "idle" && !db.locked(t, "users") })
	late := time.NewTimer(2 * time.Second) // twice what a transaction may be open
	defer late.Stop()
	<-late.C
	d.answer <- yes
	if got := cl.until('Z'); got != "1 N:"+waiting+" 2 D:boom C:SELECT 1 Z:I" && got != "N:"+waiting+" 1 2 D:boom C:SELECT 1 Z:I" {
		t.Error(got)
	}
	if got := cl.until('Z'); got != "D:2 C:SELECT 1 Z:I" {
		t.Error(got)
	}
}

// TestWhatFailedBeforeAWaitIsNotUndone: the server would have skipped the statement
// that waits, whatever the answer is.
func TestWhatFailedBeforeAWaitIsNotUndone(t *testing.T) {
	for name, answer := range map[string]action.Decision{"yes": yes, "no": no} {
		t.Run(name, func(t *testing.T) {
			d, set := atDesk()
			l := newLine(t, set)
			cl := l.ready(t)
			cl.send(prepare("", "SELECT 'boom' FROM nowhere"), bind("", ""), run(""), prepare("x", "SELECT 4"), syncNow)
			<-d.asked
			if got := cl.until('E'); got != "E:42P01" && got != "N:"+waiting+" E:42P01" {
				t.Error(got)
			}
			select {
			case d.answer <- answer:
			case <-time.After(3 * time.Second): // the wait has ended by itself
			}
			if got := cl.until('Z'); got != "Z:I" && got != "N:"+waiting+" Z:I" {
				t.Error(got)
			}
			cl.send(bind("", "x"), run(""), syncNow)
			if got := cl.until('Z'); got != "E:26000 Z:I" {
				t.Errorf("what stood before the Sync was not skipped: %s", got)
			}
			cl.send(extended("SELECT 5")...)
			if got := cl.until('Z'); got != "1 2 D:5 C:SELECT 1 Z:I" {
				t.Error(got)
			}
		})
	}
}

// TestATimerCancelsWhatRunsAndNotTheWait: a statement that runs too long before
// one that waits.
func TestATimerCancelsWhatRunsAndNotTheWait(t *testing.T) {
	d, set := atDesk(func(l *line) { l.service.Session.StatementTimeout = time.Second })
	l := newLine(t, set)
	cl := l.ready(t)
	cl.send(query("DO $$ BEGIN PERFORM set_config('statement_timeout', '0', false); END $$"), query("SELECT pg_sleep(60)"), query("SELECT 'boom'"))
	<-d.asked
	got := cl.until('E')
	d.answer <- yes
	for !strings.HasSuffix(got, " D:boom") && !strings.Contains(got, "end: ") {
		got += " " + cl.until('D')
	}
	// The notice comes where it comes, and a slow machine may cut DO short, too.
	if got = strings.ReplaceAll(got, "N:"+waiting+" ", ""); !strings.HasSuffix(got, "E:57014 Z:I D:boom") {
		t.Error(got)
	}
}
