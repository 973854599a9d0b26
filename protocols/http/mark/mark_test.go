package mark

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/placeholder"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// What an agent shows in the place of a key is told, and all else raises an alarm.
func TestHead(t *testing.T) {
	m := placeholder.New(vault.NewSecret([]byte("a key of a gateway, as it is made")))
	mine, spare := m.Of("me", "api", "KEY"), m.Of("me", "twin", "KEY")
	other, foreign := m.Of("me", "bank", "BANK_KEY"), m.Of("you", "api", "KEY")
	aws := m.Of("me", "api", "AWS_ACCESS_KEY_ID")
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct{ what, field, value, uri, shown, alarm string }{
		{"a bearer token", "Authorization", "Bearer " + mine, "/", "KEY header Authorization", ""},
		{"a token of GitHub's old kind", "Authorization", "token " + mine, "/", "KEY header Authorization", ""},
		{"a password", "Authorization", basic("user:" + mine), "/", "KEY header Authorization", ""},
		{"a user", "Authorization", basic(mine + ":"), "/", "KEY header Authorization", ""},
		{"a signature", "Authorization", "AWS4-HMAC-SHA256 Credential=" + aws + "/20260101/eu/s3/aws4_request, Signature=0", "/", "AWS_ACCESS_KEY_ID header Authorization", ""},
		{"a signature in the query", "", "", "/?X-Amz-Credential=" + aws + "%2F20260101%2Feu%2Fs3%2Faws4_request&X-Amz-Signature=0", "AWS_ACCESS_KEY_ID header Authorization", ""},
		{"of another in the query", "", "", "/?X-Amz-Credential=" + foreign + "%2F20260101%2Feu%2Fs3%2Faws4_request", "", "query"},
		{"a signature's secret", "X-Amz-Date", aws + "x", "/", "", "header X-Amz-Date"},
		{"what is asked of AWS", "X-Amz-Meta-Note", aws, "/", "", "header X-Amz-Meta-Note"},
		{"a usual field", "X-Api-Key", mine, "/", "KEY header X-Api-Key", ""},
		{"a field that the service declares", "X-Own", mine, "/", "KEY header X-Own", ""},
		{"a cookie that it declares", "Cookie", "a=b; session=" + mine, "/", "KEY cookie session", ""},
		{"a parameter that it declares", "", "", "/?a=b&token=" + mine, "KEY query token", ""},
		{"of no use, and no harm", "Authorization", "Bearer " + spare, "/", " header Authorization", ""},
		{"nothing", "Authorization", "Bearer any", "/?a=b", "", ""},

		{"another field", "X-Note", mine, "/", "", "header X-Note"},
		{"a part of a field", "Authorization", "Bearer x" + mine, "/", "", "header Authorization"},
		{"another cookie", "Cookie", "other=" + mine, "/", "", "cookie other"},
		{"another parameter", "", "", "/?q=" + mine, "", "query"},
		{"the path", "", "", "/" + mine + "/x", "", "path"},
		{"another service's", "Authorization", "Bearer " + other, "/", "", "header Authorization"},
		{"another agent's", "Authorization", "Bearer " + foreign, "/", "", "header Authorization"},
		{"in base64", "X-Note", base64.StdEncoding.EncodeToString([]byte(mine)), "/", "", "header X-Note"},
	} {
		var alarms, shown []string
		own := map[string]string{mine: "KEY", spare: "", aws: "AWS_ACCESS_KEY_ID"}
		w := m.Watch(own, []string{"header X-Own", "cookie session", "query token"}, func(s placeholder.Sighting) { alarms = append(alarms, s.Where) })
		r := &http.Request{Header: http.Header{"Accept": {"*/*"}}, RequestURI: c.uri}
		if c.field != "" {
			r.Header[c.field] = []string{c.value}
		}
		for _, s := range Head(w, r) {
			shown = append(shown, s.Variable+" "+s.Slot)
		}
		if strings.Join(shown, ",") != c.shown || strings.Join(alarms, ",") != c.alarm {
			t.Errorf("%s: shown %q, alarms %q; want %q, %q", c.what, shown, alarms, c.shown, c.alarm)
		}
	}
}

func TestBody(t *testing.T) {
	m := placeholder.New(vault.NewSecret([]byte("a key of a gateway, as it is made")))
	var alarms []string
	w := m.Watch(nil, nil, func(s placeholder.Sighting) { alarms = append(alarms, s.Where) })
	text := fmt.Sprintf(`{"note":%q}`, m.Of("a", "b", "C"))
	r := &http.Request{Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text))}
	Body(w, r, 0, nil)
	if b, err := io.ReadAll(r.Body); err != nil || string(b) != text || !slices.Equal(alarms, []string{"body"}) {
		t.Errorf("%s, %v, alarms %q", b, err, alarms)
	}
	r = &http.Request{Body: io.NopCloser(strings.NewReader("fine")), ContentLength: -1, Trailer: http.Header{"X-Sum": {m.Of("a", "b", "C")}, "X-Other": {"fine"}}}
	Body(w, r, 0, nil)
	if b, err := io.ReadAll(r.Body); err != nil || string(b) != "fine" || !slices.Equal(alarms, []string{"body", "trailer X-Sum"}) {
		t.Errorf("with a trailer: %s, %v, alarms %q", b, err, alarms)
	}
	Body(nil, r, 0, nil)
	if Head(nil, r) != nil {
		t.Error("nobody looks, and something is shown")
	}
}

// memory has so many bytes.
type memory struct{ left int64 }

func (m *memory) Take(n int64) (func(), error) {
	if n > m.left {
		return nil, errors.New("none left")
	}
	m.left -= n
	return func() { m.left += n }, nil
}

// T32: a placeholder in a body raises an alarm in any coding that can be undone, also if
// the body breaks off; what was kept of it is given back.
func TestT32_ABodyWithACoding(t *testing.T) {
	m := placeholder.New(vault.NewSecret([]byte("a key of a gateway, as it is made")))
	token := m.Of("a", "b", "C")
	var words strings.Builder
	for i := range 400 { // which no coding leaves as they are
		fmt.Fprintf(&words, "%d ", i*i*7919)
	}
	text := words.String() + token + " " + words.String()
	coded := map[string]func(io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
	}
	const limit = 10_000
	for coding, to := range coded {
		var b bytes.Buffer
		w := to(&b)
		io.WriteString(w, text) //nolint:errcheck // into memory
		w.Close()
		whole := b.Bytes()
		for _, c := range []struct {
			what, coding string
			body         io.Reader
			size, room   int64
			alarm        bool
		}{
			{"whole", coding, bytes.NewReader(whole), int64(len(whole)), 20 << 20, true},
			{"in pieces", strings.ToUpper(coding), iotest.OneByteReader(bytes.NewReader(whole)), -1, 20 << 20, true},
			{"broken off", coding, io.MultiReader(bytes.NewReader(whole), iotest.ErrReader(io.ErrUnexpectedEOF)), -1, 20 << 20, true},
			{"larger than the limit", coding, bytes.NewReader(whole), limit + 1, 20 << 20, false},
			{"that turns out larger", coding, io.MultiReader(bytes.NewReader(whole), strings.NewReader(strings.Repeat("x", limit))), -1, 20 << 20, false},
			{"without room", coding, bytes.NewReader(whole), -1, 100, false},
			{"without a coding that is known", "x-own", bytes.NewReader(whole), -1, 20 << 20, false},
		} {
			var alarms []placeholder.Sighting
			watch := m.Watch(nil, nil, func(s placeholder.Sighting) { alarms = append(alarms, s) })
			r := &http.Request{Header: http.Header{"Content-Encoding": {c.coding}}, Body: io.NopCloser(c.body), ContentLength: c.size}
			room := &memory{left: c.room}
			over := Body(watch, r, limit, room)
			got, _ := io.ReadAll(r.Body)
			over()
			if !bytes.HasPrefix(got, whole) || room.left != c.room {
				t.Errorf("%s, %s: %d bytes came, %d are kept", coding, c.what, len(got), c.room-room.left)
			}
			if (len(alarms) == 1 && alarms[0].Token == token && alarms[0].Where == "body") != c.alarm || len(alarms) > 1 {
				t.Errorf("%s, %s: alarms %v", coding, c.what, alarms)
			}
		}
		var alarms int
		r := &http.Request{Header: http.Header{"Content-Encoding": {coding}}, Body: io.NopCloser(bytes.NewReader(whole)), ContentLength: -1}
		over := Body(m.Watch(nil, nil, func(placeholder.Sighting) { alarms++ }), r, limit, &memory{left: 20 << 20})
		io.ReadFull(r.Body, make([]byte, len(whole))) //nolint:errcheck // and nobody reads on
		if over(); alarms != 1 {
			t.Errorf("%s, left before its end: %d alarms", coding, alarms)
		}
	}
}

// T32: a placeholder in a message of a WebSocket is seen in every frame and between
// them, once a message, and the connection carries what the agent sent.
func TestT32_Messages(t *testing.T) {
	m := placeholder.New(vault.NewSecret([]byte("a key of a gateway, as it is made")))
	token := m.Of("a", "b", "OPENAI_API_KEY")
	for _, c := range []struct {
		what  string
		parts []string // each a frame; the last ends the message
		binds bool     // binary
		sees  int
	}{
		{"nothing", []string{"hello"}, false, 0},
		{"text", []string{`{"key":"` + token + `"}`}, false, 1},
		{"binary", []string{"\x00\x01" + token + "\xff"}, true, 1},
		{"two in one message", []string{token + " " + token}, false, 1},
		{"cut in the middle", []string{"a" + token[:20], token[20:] + "b"}, false, 1},
		{"a byte a frame", strings.Split(token, ""), true, 1},
		{"long", []string{strings.Repeat("x", 5000), strings.Repeat("y", 1020) + token, strings.Repeat("z", 3000)}, false, 1},
	} {
		alarms := 0
		near, far := net.Pipe()
		w := m.Watch(nil, nil, func(s placeholder.Sighting) {
			if alarms++; s.Where != "message" {
				t.Errorf("%s: in the %s", c.what, s.Where)
			}
		})
		sent := make(chan []byte, 1)
		go func() {
			defer near.Close()
			var all []byte
			for range 2 { // messages
				for i, p := range c.parts {
					code := 0
					if i == 0 {
						code = 1 + map[bool]int{true: 1}[c.binds]
					}
					all = append(all, frameOf(byte(code), i == len(c.parts)-1, p)...)
				}
				all = append(all, frameOf(9, true, "ping")...)
			}
			near.Write(all) //nolint:errcheck // the reader takes all
			sent <- all
		}()
		got, err := io.ReadAll(Messages(w, far))
		if want := <-sent; err != nil || string(got) != string(want) || alarms != 2*c.sees {
			t.Errorf("%s: %d bytes of %d, %v, %d alarms", c.what, len(got), len(want), err, alarms)
		}
	}
	if c, _ := net.Pipe(); Messages(nil, c) != c {
		t.Error("nobody looks, and something stands between")
	}
}

// frameOf is a frame of an agent (RFC 6455, 5.2).
func frameOf(code byte, last bool, payload string) []byte {
	if last {
		code |= 0x80
	}
	b := []byte{code, 0x80}
	switch n := len(payload); {
	case n < 126:
		b[1] |= byte(n)
	default:
		b[1] |= 126
		b = append(b, byte(n>>8), byte(n))
	}
	mask := []byte{7, 77, 177, 200}
	b = append(b, mask...)
	for i := range payload {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

func FuzzHead(f *testing.F) {
	m := placeholder.New(vault.NewSecret([]byte("a key of a gateway, as it is made")))
	mine := m.Of("me", "api", "KEY")
	f.Add("Authorization", "Bearer "+mine, "/?token="+mine)
	f.Add("Cookie", "a="+mine+";;b", "?"+mine+"=%zz")
	f.Fuzz(func(t *testing.T, name, value, uri string) {
		told := 0
		w := m.Watch(map[string]string{mine: "KEY"}, []string{"query token"}, func(placeholder.Sighting) { told++ })
		shown := Head(w, &http.Request{Header: http.Header{name: {value}}, RequestURI: uri})
		if told+len(shown) == 0 && strings.Contains(value, mine) {
			t.Fatalf("%q: %q passes unseen", name, value)
		}
	})
}
