package entry

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A wire gives its pieces one by one.
type wire struct {
	net.Conn
	pieces []string
}

func (w *wire) Read(b []byte) (int, error) {
	if len(w.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(b, w.pieces[0])
	if w.pieces[0] = w.pieces[0][n:]; w.pieces[0] == "" {
		w.pieces = w.pieces[1:]
	}
	return n, nil
}

// doubts gives what is said of every request, read as net/http reads them.
func doubts(t *testing.T, pieces ...string) string {
	t.Helper()
	_, f := (&Opened{Conn: &wire{pieces: pieces}}).Watch()
	br, said := bufio.NewReaderSize(f, headRead), ""
	for {
		r, err := http.ReadRequest(br)
		if err != nil {
			return said
		}
		said += map[bool]string{false: "-", true: "!"}[f.Doubtful(r)]
		io.Copy(io.Discard, r.Body)
	}
}

// Whatever says twice where a body ends ends its connection, however it is spelled
// and however it comes in.
func TestDoubtful(t *testing.T) {
	const (
		chunks = "\r\n3\r\nabc\r\n0\r\n\r\n"
		te     = "Transfer-Encoding: chunked\r\n"
		plain  = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	)
	post := func(fields, rest string) string { return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + rest }
	tests := []struct{ name, in, want string }{
		{"a length", post("Content-Length: 3\r\n", "\r\nabc"), "-"},
		{"chunks", post(te, chunks), "-"},
		{"both", post("Content-Length: 3\r\n"+te, chunks), "!"},
		{"both, the other way", post(te+"Content-Length: 3\r\n", chunks), "!"},
		{"lower case", post("content-length: 3\r\n"+te, chunks), "!"},
		{"any case", post("cOnTeNt-LeNgTh:3\r\n"+te, chunks), "!"},
		{"bare line feeds", "POST / HTTP/1.1\nHost: a\nContent-Length: 3\nTransfer-Encoding: chunked\n\n3\r\nabc\r\n0\r\n\r\n", "!"},
		{"the second of a pipeline", plain + post(te+"Content-Length: 3\r\n", chunks), "-!"},
		{"behind a length", post("Content-Length: 3\r\n", "\r\nabc") + post(te+"Content-Length: 3\r\n", chunks), "-!"},
		{"behind two equal lengths", post("Content-Length: 3\r\nContent-Length: 3\r\n", "\r\nabc") + post(te+"Content-Length: 3\r\n", chunks), "-!"},
		{"lengths and chunks by turns", strings.Repeat(post("Content-Length: 3\r\n", "\r\nabc"), 3) + post(te, chunks), "----"},
		{"after a large body", post("Content-Length: 30000\r\n", "\r\n"+strings.Repeat("x", 30000)) + post(te+"Content-Length: 3\r\n", chunks), "-!"},
		{"in a value", post("Vary: content-length: 3\r\n"+te, chunks), "-"},
		{"a longer name", post("Content-Length-Was: 3\r\nX-Content-Length: 3\r\n"+te, chunks), "-"},
		{"HTTP/1.0 in chunks", "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n" + te + "\r\n", "!"},
		{"HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", "-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := doubts(t, tt.in); got != tt.want {
				t.Errorf("whole: %s, want %s", got, tt.want)
			}
			if got := doubts(t, strings.Split(tt.in, "")...); got != tt.want {
				t.Errorf("byte by byte: %s, want %s", got, tt.want)
			}
			for i := range min(len(tt.in), 500) {
				if got := doubts(t, tt.in[:i], tt.in[i:]); got != tt.want && i > 0 {
					t.Fatalf("split at %d: %s, want %s", i, got, tt.want)
				}
			}
		})
	}
}

// Nothing that net/http reads as a length escapes the count.
func FuzzDoubtful(f *testing.F) {
	for _, s := range []string{"Content-Length: 3\r\n", "content-length:3\n", " Content-Length: 3\r\n", "X: y\r\n\tContent-Length: 3\r\n", "Content-Length : 3\r\n"} {
		f.Add(s, 7)
	}
	f.Fuzz(func(t *testing.T, fields string, at int) {
		const end = "\r\n"
		head := "POST / HTTP/1.1\r\nHost: a\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + fields + end)))
		if err != nil || len(r.TransferEncoding) > 0 || r.Header.Get("Content-Length") == "" {
			return
		}
		in := head + fields + "Transfer-Encoding: chunked\r\n" + end + "0\r\n\r\n"
		at = max(1, min(len(in)-1, at))
		if got := doubts(t, in[:at], in[at:]); got != "" && got[0] != '!' {
			t.Errorf("%q is %s", in, got)
		}
	})
}

// HTTP/2 says the length of its frames itself; nothing stands in between there.
func TestNothingWatchesHTTP2(t *testing.T) {
	var f *Framing
	if f.Doubtful(&http.Request{ProtoMajor: 2, TransferEncoding: []string{"chunked"}}) {
		t.Error("a request over HTTP/2 is in doubt")
	}
}
