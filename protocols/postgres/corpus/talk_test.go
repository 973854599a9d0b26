package corpus

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A talk is a raw session, with a server or with the gateway.
type talk struct {
	conn net.Conn
	fe   *pgproto3.Frontend
	pid  uint32
	sync bool // what is under way was sent by Parse, Bind and Execute
}

// A reply is all that came of one message.
type reply struct {
	shown  strings.Builder // rows, copied data, notices, errors
	rows   [][]string
	heard  string // channels that were told something
	code   string // of the first error
	word   string // and its text
	status byte
	ended  bool // the other side closed
	took   time.Duration
}

// patience bounds everything that is waited for.
const patience = time.Minute

func dial(address, database string) (*talk, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := &talk{conn: conn, fe: pgproto3.NewFrontend(conn, conn)}
	c.fe.Send(&pgproto3.StartupMessage{ProtocolVersion: 196608, Parameters: map[string]string{
		"user": "postgres", "database": database, "client_encoding": "UTF8",
	}})
	if r := c.answer(); r.code != "" || r.ended {
		conn.Close()
		return nil, fmt.Errorf("no session: %s %s", r.code, r.word)
	}
	return c, nil
}

func (c *talk) close() {
	c.fe.Send(&pgproto3.Terminate{})
	c.fe.Flush()
	c.conn.Close()
}

// query sends a simple query.
func (c *talk) query(text string) *reply {
	c.sync = false
	c.fe.Send(&pgproto3.Query{String: text})
	return c.answer()
}

// extended sends the same by Parse, Bind and Execute.
func (c *talk) extended(text string) *reply {
	c.sync = true
	c.fe.Send(&pgproto3.Parse{Query: text})
	c.fe.Send(&pgproto3.Bind{})
	c.fe.Send(&pgproto3.Execute{})
	c.fe.Send(&pgproto3.Sync{})
	return c.answer()
}

// answer reads up to the end of what was sent, and gives data where it is asked for.
func (c *talk) answer() *reply {
	r := &reply{}
	start := time.Now()
	defer func() { r.took = time.Since(start) }()
	c.conn.SetDeadline(start.Add(patience))
	if err := c.fe.Flush(); err != nil {
		r.ended = true
		return r
	}
	for {
		m, err := c.fe.Receive()
		if err != nil {
			r.ended = true
			r.word += " " + err.Error()
			return r
		}
		if c.take(r, m) {
			return r
		}
	}
}

// take adds one message to the reply and reports whether it is the last.
func (c *talk) take(r *reply, m pgproto3.BackendMessage) bool {
	switch m := m.(type) {
	case *pgproto3.DataRow:
		var row []string
		for _, v := range m.Values {
			row = append(row, string(v))
			r.shown.Write(v)
		}
		r.rows = append(r.rows, row)
	case *pgproto3.CopyData:
		r.shown.Write(m.Data)
	case *pgproto3.NoticeResponse:
		r.shown.WriteString(m.Message + m.Detail)
	case *pgproto3.ErrorResponse:
		r.shown.WriteString(m.Message + m.Detail)
		if r.code == "" {
			r.code, r.word = m.Code, m.Message
		}
	case *pgproto3.NotificationResponse:
		r.heard += m.Channel + " "
	case *pgproto3.BackendKeyData:
		c.pid = m.ProcessID
	case *pgproto3.CopyInResponse:
		c.fe.Send(&pgproto3.CopyData{Data: []byte("77\tcopied\n")})
		c.fe.Send(&pgproto3.CopyDone{})
		if c.sync { // the first was lost in the COPY
			c.fe.Send(&pgproto3.Sync{})
		}
		c.fe.Flush()
	case *pgproto3.ReadyForQuery:
		r.status = m.TxStatus
		return true
	}
	return false
}
