// Package wire is how an editor and a language server talk: JSON-RPC 2.0 messages
// behind a Content-Length (LSP 3.17, base protocol). It bounds what it reads and
// knows no method.
package wire

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// Bounds of a message.
const (
	maxHeader  = 4 << 10
	maxContent = 32 << 20
)

// Codes of errors (JSON-RPC 2.0 and LSP 3.17).
const (
	ParseError     = -32700
	InvalidRequest = -32600
	NoMethod       = -32601
	InvalidParams  = -32602
	InternalError  = -32603
	NotInitialized = -32002
)

// ErrContent means that a message was framed well and is no JSON-RPC; those behind
// it can still be read.
var ErrContent = errors.New("no JSON-RPC message")

// A Message is a request (with an ID), a notification, or an answer to either.
type Message struct {
	ID     json.RawMessage `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
}

// Request reports whether an answer is expected.
func (m *Message) Request() bool { return len(m.ID) > 0 && m.Method != "" }

// An Error is why a request is not answered.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

// Fail makes an Error.
func Fail(code int, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// A Conn is one conversation. One goroutine reads; any may write.
type Conn struct {
	in *bufio.Reader

	mu  sync.Mutex // one message at a time
	out io.Writer  // guarded by mu
}

// New makes a Conn that reads from in and writes to out.
func New(in io.Reader, out io.Writer) *Conn {
	return &Conn{in: bufio.NewReaderSize(in, maxHeader), out: out}
}

// Read gives the next message. The error is io.EOF when the other side is done,
// and wraps ErrContent when reading may go on.
func (c *Conn) Read() (*Message, error) {
	n, err := c.head()
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c.in, b); err != nil {
		return nil, fmt.Errorf("read a message of %d bytes: %w", n, io.ErrUnexpectedEOF)
	}
	var m Message
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrContent, err)
	}
	return &m, nil
}

// head reads the header fields up to the empty line and gives the length.
func (c *Conn) head() (int, error) {
	length, read := -1, 0
	for {
		line, err := c.in.ReadSlice('\n')
		read += len(line)
		switch {
		case errors.Is(err, io.EOF) && read == 0:
			return 0, io.EOF
		case err != nil:
			return 0, fmt.Errorf("read the head of a message: %w", err)
		case read > maxHeader:
			return 0, errors.New("the head of a message is too long")
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return 0, errors.New("the head of a message holds a line that is no field")
		}
		if strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil || length < 0 {
				return 0, errors.New("a message has no length")
			}
		}
	}
	if length < 0 {
		return 0, errors.New("a message states no length")
	}
	if length > maxContent {
		return 0, fmt.Errorf("a message of %d bytes is too long", length)
	}
	return length, nil
}

// An answer has the id of what it answers, and a result or an error.
type answer struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result"`
}

type refusal struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Error   *Error          `json:"error"`
}

type notification struct {
	Version string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  any    `json:"params"`
}

// Answer answers a request with a result, or with err if it is not nil.
func (c *Conn) Answer(id json.RawMessage, result any, err *Error) error {
	if len(id) == 0 {
		id = json.RawMessage("null")
	}
	if err != nil {
		return c.write(refusal{"2.0", id, err})
	}
	return c.write(answer{"2.0", id, result})
}

// Notify tells the other side something.
func (c *Conn) Notify(method string, params any) error {
	return c.write(notification{"2.0", method, params})
}

func (c *Conn) write(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := fmt.Fprintf(c.out, "Content-Length: %d\r\n\r\n%s", len(b), b); err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	return nil
}
