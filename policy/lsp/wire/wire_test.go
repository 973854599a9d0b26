package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func frame(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }

func TestRead(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"a request":              {frame(`{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1}}`), `1 m {"a":1} true`},
		"an id of letters":       {frame(`{"id":"x","method":"m"}`), `"x" m  true`},
		"a notification":         {frame(`{"method":"m","params":[]}`), ` m [] false`},
		"an answer":              {frame(`{"id":1,"result":null}`), `1   false`},
		"other fields, any case": {"content-type: x; charset=utf-8\r\nCONTENT-LENGTH:  14 \r\n\r\n{\"method\":\"m\"}", ` m  false`},
		"newlines alone":         {"Content-Length: 14\n\n{\"method\":\"m\"}", ` m  false`},
		"nothing":                {"", "EOF"},
		"half a head":            {"Content-Len", "read the head of a message: EOF"},
		"no length":              {"X: 1\r\n\r\n", "a message states no length"},
		"a length that is none":  {"Content-Length: x\r\n\r\n", "a message has no length"},
		"a negative length":      {"Content-Length: -1\r\n\r\n", "a message has no length"},
		"a huge length":          {"Content-Length: 99999999999\r\n\r\n", "a message of 99999999999 bytes is too long"},
		"no field":               {"hello\r\n\r\n", "the head of a message holds a line that is no field"},
		"an endless head":        {strings.Repeat("A: b\r\n", 2000), "the head of a message is too long"},
		"an endless line":        {strings.Repeat("A", 1<<20), "read the head of a message: bufio: buffer full"},
		"half a body":            {"Content-Length: 10\r\n\r\n{}", "read a message of 10 bytes: unexpected EOF"},
		"no JSON":                {frame("{"), "no JSON-RPC message: unexpected end of JSON input"},
		"no object":              {frame("[1]"), "no JSON-RPC message: json: cannot unmarshal array into Go value of type wire.Message"},
	} {
		m, err := New(strings.NewReader(tt.in), io.Discard).Read()
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprintf("%s %s %s %v", m.ID, m.Method, m.Params, m.Request())
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	c := New(strings.NewReader(frame("{")+frame(`{"method":"next"}`)), io.Discard)
	if _, err := c.Read(); !errors.Is(err, ErrContent) {
		t.Error(err)
	}
	if m, err := c.Read(); err != nil || m.Method != "next" {
		t.Errorf("behind a bad message: %v, %v", m, err)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	var b bytes.Buffer
	c := New(&b, &b)
	if err := errors.Join(
		c.Answer(json.RawMessage("7"), map[string]int{"ö": 1}, nil), c.Answer(nil, nil, Fail(NoMethod, "no %s", "m")), c.Notify("n", []int{1}),
	); err != nil {
		t.Fatal(err)
	}
	want := frame(`{"jsonrpc":"2.0","id":7,"result":{"ö":1}}`) + frame(`{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"no m"}}`) +
		frame(`{"jsonrpc":"2.0","method":"n","params":[1]}`)
	if b.String() != want {
		t.Errorf("%q", b.String())
	}
	for range 3 {
		if _, err := c.Read(); err != nil {
			t.Error(err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(frame(`{"id":1,"method":"m"}`)))
	f.Add([]byte("Content-Length: 3\r\nContent-Length: 1\r\n\r\n{}\n"))
	f.Add([]byte("\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		c := New(bytes.NewReader(in), io.Discard)
		for range len(in) + 1 {
			if _, err := c.Read(); err != nil && !errors.Is(err, ErrContent) {
				return
			}
		}
		t.Fatal("more messages than bytes")
	})
}
