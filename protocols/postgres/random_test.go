package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/postgres/statement"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// conversations is how many random conversations are held twice.
const conversations = 100

// forbidden is a text that must never reach the server. On the server itself a
// text takes its place that no grammar accepts: the outcome of the two is one.
const (
	forbidden = "DROP TABLE doomed"
	instead   = "sallyport_instead_of_it"
)

// TestRandomConversations holds conversations of valid and invalid messages in any
// order with the server itself and through the gateway. The answers are the same,
// but for what the refusal is called, and what is refused never reaches the server.
func TestRandomConversations(t *testing.T) {
	db := needDatabase(t)
	var rec recorder
	l := newLine(t, func(l *line) {
		l.tap = rec.see
		l.decide = func(a *action.Action) action.Decision {
			for _, p := range a.Parts {
				if s := statement.Shape(p); s != nil && slices.Contains(s.Verbs, "drop") {
					return action.Decision{Verdict: action.Deny, Rule: "no-drop"}
				}
			}
			return action.Decision{Verdict: action.Allow}
		}
	})
	if out, err := db.psql("app", "DROP TABLE IF EXISTS chaos; CREATE TABLE chaos (id int PRIMARY KEY, name text); GRANT ALL ON chaos TO PUBLIC"); err != nil {
		t.Fatal(out)
	}
	owner, err := pgconn.Connect(t.Context(), fmt.Sprintf("host=%s port=%d user=root dbname=app", db.dir, db.port))
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(context.Background())
	for seed := range uint64(conversations) {
		talk := newTalk(seed)
		hold := func(address, user string) []string {
			if _, err := owner.Exec(t.Context(), "TRUNCATE chaos; INSERT INTO chaos VALUES (1, 'one'), (2, 'two'), (3, 'three')").ReadAll(); err != nil {
				t.Fatalf("before seed %d: %v", seed, err)
			}
			return talk.hold(t, address, user, user == "trusting")
		}
		direct := hold(fmt.Sprintf("127.0.0.1:%d", db.port), "trusting")
		through := hold(l.listen.Addr().String(), "anybody")
		for i := range max(len(direct), len(through)) {
			a, b := at(direct, i), at(through, i)
			if !same(a, b) {
				t.Errorf("seed %d, round %d: %s\n direct: %s\nthrough: %s", seed, i, talk.describe(i), a, b)
				break
			}
		}
		if t.Failed() && seed > 30 {
			break
		}
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if strings.Contains(rec.buf.String(), "DROP") {
		t.Error("the forbidden text reached the server")
	}
}

// same compares the answers to a round. In a failed transaction the gateway may
// have a reason of its own before the server would say that nothing runs; and a
// server says twice that it has lost the thread.
func same(direct, through string) bool {
	a, b := strings.Fields(strings.Replace(direct, "E:08P01 E:08P01 end", "E:08P01 end", 1)), strings.Fields(through)
	return slices.EqualFunc(a, b, func(a, b string) bool {
		return a == b || a == "E:25P02" && slices.Contains([]string{"E:no", "E:26000", "E:34000"}, b)
	})
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "(nothing)"
}

// A talk is a conversation in rounds, each of which the server answers whole.
type talk struct {
	rounds [][]pgproto3.FrontendMessage
}

// texts are what a talk is made of: what answers the same each time.
var texts = []string{
	"SELECT 1", "SELECT id, name FROM chaos ORDER BY id", "SELECT 1/0", "SELECT * FROM nowhere", "SELEC 1", "SELECT 'open",
	"INSERT INTO chaos VALUES (4, 'four')", "UPDATE chaos SET name = name || '!' WHERE id < 3", "DELETE FROM chaos WHERE id = 2",
	"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "ROLLBACK TO s", "RELEASE s", "START TRANSACTION READ ONLY",
	"PREPARE a AS SELECT id FROM chaos ORDER BY id", "DEALLOCATE a", "DEALLOCATE ALL",
	"DECLARE c CURSOR FOR SELECT id FROM chaos ORDER BY id", "FETCH 2 FROM c", "CLOSE c", "DECLARE h CURSOR WITH HOLD FOR SELECT 7",
	"SET application_name = 'x'", "SHOW application_name", "DISCARD ALL", "COPY chaos TO STDOUT", "LISTEN l", "EXPLAIN (COSTS OFF) SELECT 1",
	"SELECT 1; SELECT 2", "SELECT 1; SELECT 1/0; SELECT 3", "BEGIN; INSERT INTO chaos VALUES (9, 'nine')", "COMMIT; SELECT 1", "SELECT 1; SELEC",
	forbidden, "SELECT 1; " + forbidden, "EXPLAIN " + "SELECT 2", "PREPARE b AS INSERT INTO chaos VALUES (8, 'eight')",
}

// queries are for the simple protocol only: whether there is a name is known when
// it runs, and the gateway wants to know earlier.
var queries = append(slices.Clone(texts), "EXECUTE a", "EXECUTE b")

// withParameters are texts of one parameter.
var withParameters = []string{"SELECT $1::int + 1", "SELECT name FROM chaos WHERE id = $1", "UPDATE chaos SET name = 'p' WHERE id = $1"}

func newTalk(seed uint64) *talk {
	r := rand.New(rand.NewPCG(seed, 7))
	t := &talk{}
	for range 4 + r.IntN(8) {
		var round []pgproto3.FrontendMessage
		for range 1 + r.IntN(7) {
			round = append(round, some(r)...)
		}
		t.rounds = append(t.rounds, round)
	}
	return t
}

// pick gives one of several.
func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// some gives a message, or a few that make sense together.
func some(r *rand.Rand) []pgproto3.FrontendMessage {
	statement, portal := pick(r, "", "", "a", "b"), pick(r, "", "", "p", "c", "h")
	one := func(m pgproto3.FrontendMessage) []pgproto3.FrontendMessage { return []pgproto3.FrontendMessage{m} }
	switch r.IntN(16) {
	case 0, 1, 2:
		return one(query(pick(r, queries...)))
	case 3:
		return one(prepare(statement, pick(r, texts...)))
	case 4:
		return one(bind(portal, statement))
	case 5:
		return one(&pgproto3.Bind{DestinationPortal: portal, PreparedStatement: statement, Parameters: [][]byte{[]byte(pick(r, "1", "2", "x"))}})
	case 6:
		return one(&pgproto3.Execute{Portal: portal, MaxRows: uint32(pick(r, 0, 0, 1, 2))})
	case 7:
		return one(&pgproto3.Describe{ObjectType: pick(r, byte('S'), 'P'), Name: pick(r, statement, portal)})
	case 8:
		return one(&pgproto3.Close{ObjectType: pick(r, byte('S'), 'P'), Name: pick(r, statement, portal)})
	case 9:
		return one(pick[pgproto3.FrontendMessage](r, syncNow, &pgproto3.Flush{}, &pgproto3.CopyData{Data: []byte("1\tx\n")}, &pgproto3.CopyDone{}, &pgproto3.CopyFail{Message: "no"}))
	case 10, 11:
		return []pgproto3.FrontendMessage{prepare(statement, pick(r, texts...)), bind(portal, statement), &pgproto3.Describe{ObjectType: 'P', Name: portal}, run(portal)}
	case 12:
		return []pgproto3.FrontendMessage{
			prepare(statement, pick(r, withParameters...)), &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: statement, Parameters: [][]byte{[]byte(pick(r, "1", "2", "x"))}},
			&pgproto3.Execute{Portal: portal, MaxRows: uint32(pick(r, 0, 1))}, run(portal),
		}
	case 13:
		return one(call(953, 99)) // lo_close of what is not open
	case 14:
		return append(one(query("COPY chaos FROM STDIN")), data(r)...)
	}
	return append([]pgproto3.FrontendMessage{prepare("", "COPY chaos FROM STDIN"), bind("", ""), run("")}, append(data(r), syncNow)...)
}

// data are the messages of a COPY, some of them wrong.
func data(r *rand.Rand) (ms []pgproto3.FrontendMessage) {
	if r.IntN(4) == 0 { // behind wrong data a Sync counts, and nobody can tell
		ms = append(ms, pick[pgproto3.FrontendMessage](r, syncNow, &pgproto3.Flush{}))
	}
	for range r.IntN(3) {
		ms = append(ms, &pgproto3.CopyData{Data: []byte(pick(r, "11\televen\n", "12\ttwelve\n1", "3\ttwelve and a half\n", "nonsense\n"))})
	}
	return append(ms, pick[pgproto3.FrontendMessage](r, &pgproto3.CopyDone{}, &pgproto3.CopyDone{}, &pgproto3.CopyFail{Message: "no more"}))
}

func call(oid, arg uint32) *pgproto3.FunctionCall {
	return &pgproto3.FunctionCall{Function: oid, ArgFormatCodes: []uint16{1}, Arguments: [][]byte{binary.BigEndian.AppendUint32(nil, arg)}, ResultFormatCode: 1}
}

func (t *talk) describe(round int) string {
	var b strings.Builder
	for i := 0; i <= round && i < len(t.rounds); i++ {
		fmt.Fprintf(&b, "\n  round %d:", i)
		for _, m := range t.rounds[i] {
			fmt.Fprintf(&b, " %T%+v", m, m)
		}
	}
	return strings.ReplaceAll(b.String(), "*pgproto3.", "")
}

// hold holds the conversation and gives the answers to each round.
func (t *talk) hold(tb testing.TB, address, user string, itself bool) (answers []string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(enough))
	fe := pgproto3.NewFrontend(c, c)
	fe.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": user, "database": "app"}})
	if err := fe.Flush(); err != nil {
		tb.Fatal(err)
	}
	if got := upTo(fe, false); !strings.HasSuffix(got, "Z:I") {
		tb.Fatal(got)
	}
	for _, round := range t.rounds {
		for _, m := range round {
			fe.Send(known(m, itself))
		}
		// An empty query is answered in a failed transaction, too.
		fe.Send(syncNow)
		fe.Send(query(""))
		fe.Flush() //nolint:errcheck // the answer tells
		answers = append(answers, upTo(fe, true))
	}
	return answers
}

// known puts what the server itself is told in the place of the forbidden text.
func known(m pgproto3.FrontendMessage, itself bool) pgproto3.FrontendMessage {
	if !itself {
		return m
	}
	switch m := m.(type) {
	case *pgproto3.Query:
		if strings.Contains(m.String, forbidden) {
			return query(instead)
		}
	case *pgproto3.Parse:
		if strings.Contains(m.Query, forbidden) {
			return prepare(m.Name, instead)
		}
	}
	return m
}

// upTo gives what comes as words, up to ReadyForQuery, or to the one behind the
// answer to an empty query.
func upTo(fe *pgproto3.Frontend, empty bool) string {
	var got []string
	for last := !empty; ; {
		m, err := fe.Receive()
		if err != nil {
			return strings.Join(append(got, "end"), " ")
		}
		word := wordOf(m)
		if word == "" {
			continue
		}
		got = append(got, word)
		switch m.(type) {
		case *pgproto3.EmptyQueryResponse:
			last = true
		case *pgproto3.ReadyForQuery:
			if last {
				return strings.Join(got, " ")
			}
		}
	}
}

func wordOf(m pgproto3.BackendMessage) string {
	switch m := m.(type) {
	case *pgproto3.ErrorResponse:
		if m.Code == "42601" || m.Code == "42501" && m.Routine == "sallyport" {
			return "E:no" // what no grammar accepts, or a rule
		}
		return "E:" + m.Code
	case *pgproto3.ReadyForQuery:
		return "Z:" + string(m.TxStatus)
	case *pgproto3.CommandComplete:
		return "C:" + string(m.CommandTag)
	case *pgproto3.DataRow:
		return fmt.Sprintf("D:%q", m.Values)
	case *pgproto3.RowDescription:
		return fmt.Sprintf("T:%d", len(m.Fields))
	case *pgproto3.ParameterDescription:
		return fmt.Sprintf("t:%d", len(m.ParameterOIDs))
	case *pgproto3.CopyData:
		return fmt.Sprintf("d:%q", m.Data)
	case *pgproto3.ParameterStatus, *pgproto3.NoticeResponse, *pgproto3.BackendKeyData, *pgproto3.NotificationResponse, *pgproto3.AuthenticationOk:
		return ""
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*pgproto3.")
}
