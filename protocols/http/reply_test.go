package http

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// answers is a bench that records answers.
func answers(b *bench) *bench {
	b.svc.RecordBodies = 1 << 10
	return b
}

// got fetches a path, and gives what the record holds of the answer.
func (b *bench) got(t *testing.T, h2 bool, n int, path string, header ...string) *action.Answer {
	t.Helper()
	req, _ := http.NewRequest("GET", "https://api.example"+path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := b.client(h2).Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body) //nolint:errcheck // some break off
	resp.Body.Close()
	return b.waitRecords(n)[n-1].res.Answer
}

func TestAnswersAreRecorded(t *testing.T) {
	bothVersions(t, func(t *testing.T, h2 bool) {
		long := strings.Repeat("some words ", 1000)
		b := answers(newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", r.URL.Query().Get("as"))
			w.Header().Set("Set-Cookie", "sid=hunter2")
			w.Header().Set("Trailer", "X-Late, Authorization")
			if coding := r.URL.Query().Get("in"); coding != "" {
				w.Header().Set("Content-Encoding", coding)
				z := encoders[coding](w)
				io.WriteString(z, long)
				z.Close()
				return
			}
			switch r.URL.Path {
			case "/events":
				for i := range 3 {
					fmt.Fprintf(w, "data: {\"n\":%d,\"token\":\"hunter2\"}\n\n", i)
					w.(http.Flusher).Flush()
				}
			case "/long":
				io.WriteString(w, long)
			case "/breaks":
				io.WriteString(w, long)
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			default:
				fmt.Fprint(w, `{"user":"bo","token":"hunter2"}`)
			}
			w.Header().Set("X-Late", "yes")
			w.Header().Set("Authorization", "hunter2")
		})))
		for i, tt := range []struct {
			path   string
			size   int64
			text   string
			hidden bool
			cut    bool
			untold string
		}{
			{"/?as=application/json", 31, `{"user":"bo","token":"[hidden]"}`, true, false, ""},
			{"/events?as=text/event-stream", 99, "data: {\"n\":0,\"token\":\"[hidden]\"}\n\ndata: {\"n\":1,\"token\":\"[hidden]\"}\n\ndata: {\"n\":2,\"token\":\"[hidden]\"}\n\n", true, false, ""},
			{"/long?as=text/plain", 11000, long[:1023], false, true, ""},
			{"/breaks?as=text/plain", -1, long[:1023], false, true, ""},
			{"/?as=image/png", 31, "", false, false, "it is no text"},
			{"/?as=text/plain&in=gzip", -1, long[:1023], false, true, ""},
			{"/?as=text/plain&in=br", -1, long[:1023], false, true, ""},
			{"/?as=text/plain&in=zstd", -1, long[:1023], false, true, ""},
			{"/?as=text/plain&in=deflate", -1, long[:1023], false, true, ""},
		} {
			a := b.got(t, h2, i+1, tt.path, "Accept-Encoding", "gzip, br, zstd, deflate")
			if a == nil || a.Text != tt.text || a.Hidden != tt.hidden || a.Cut != tt.cut || a.Untold != tt.untold || tt.size >= 0 && a.Size != tt.size {
				t.Errorf("%s: %+v", tt.path, a)
				continue
			}
			text, _ := json.Marshal(a)
			if !bytes.Contains(text, []byte(`{"name":"Set-Cookie","hidden":true}`)) || bytes.Contains(text, []byte("hunter2")) {
				t.Errorf("%s: %s", tt.path, text)
			}
			if late := bytes.Contains(text, []byte(`"trailers":[{"name":"X-Late","values":["yes"]}]`)); i < 3 && !late {
				t.Errorf("%s: %s", tt.path, text)
			}
		}
		if left, _ := b.p.held.Held(""); left != 0 {
			t.Errorf("%d bytes still held", left)
		}
	})
}

// Whatever way an origin hands an injected secret back, the record does not have it:
// it is taken out before.
func TestT31_RecordedAnswersHoldNoSecret(t *testing.T) {
	texts := echoes(awkward)
	b := answers(injecting(t, func(w http.ResponseWriter, r *http.Request) {
		text := "before " + texts[r.URL.Query().Get("as")] + " behind"
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Trailer", "X-Late")
		w.Header().Set("X-Echo", text)
		w.Header().Set("X-"+strings.Map(letters, awkward), "a name") // not in the form that is looked for, and harmless
		w.Header().Set("Set-Cookie", "k="+awkward)
		whole := []byte(text)
		if coding := r.URL.Query().Get("in"); coding != "" {
			var packed bytes.Buffer
			z := encoders[coding](&packed)
			io.WriteString(z, text)
			z.Close()
			w.Header().Set("Content-Encoding", coding)
			whole = packed.Bytes()
		}
		for i := range whole {
			w.Write(whole[i : i+1])
			w.(http.Flusher).Flush()
		}
		w.Header().Set("X-Late", text)
	}))
	n := 0
	for as := range texts {
		for _, in := range []string{"", "gzip", "br", "zstd"} {
			n++
			a := b.got(t, n%2 == 0, n, fmt.Sprintf("/echo?as=%s&in=%s", as, in), "Accept-Encoding", "gzip, br, zstd")
			text, err := json.Marshal(a)
			if err != nil || a == nil || !strings.HasPrefix(a.Text, "before ") || len(a.Trailers) != 1 || bytes.Count(text, []byte("****"))+bytes.Count(text, []byte("[hidden]")) < 3 {
				t.Fatalf("%s in %q: %v %s", as, in, err, text)
			}
			for _, form := range echoes(awkward) {
				if strings.Contains(a.Text, form) || bytes.Contains(text, []byte(form)) {
					t.Errorf("%s in %q is recorded: %s", as, in, text)
				}
			}
			if bytes.Contains(text, []byte(awkward[:9])) {
				t.Errorf("%s in %q is recorded: %s", as, in, text)
			}
		}
	}
}

// A secret that is too short to be looked for in an answer is in none that is recorded.
func TestT31_ShortSecretsAreInNoRecord(t *testing.T) {
	for _, auth := range []action.Auth{
		{Scheme: "header", Name: "X-Key", Secrets: []string{"s"}},
		{Scheme: "bearer", Secrets: []string{"s"}},
		{Scheme: "basic", Name: "u", Secrets: []string{"s"}},
		{Scheme: "query", Name: "key", Secrets: []string{"s"}},
		{Scheme: "cookie", Name: "c", Secrets: []string{"s"}},
	} {
		for _, secret := range []string{"pw/9+z", "q7z", "pw 9,z"} {
			b := answers(newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text := fmt.Sprint(r.Header, r.RequestURI, " ", secret, " ", base64.StdEncoding.EncodeToString([]byte(secret)), " ", url.QueryEscape(secret))
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("X-Echo", text)
				json.NewEncoder(w).Encode(map[string]string{"note": text})
			})))
			b.auth, b.svc.Injects, b.secret = &auth, true, secret
			a := b.got(t, false, 1, "/")
			text, err := json.Marshal(a)
			if err != nil || a == nil || len(a.Fields) == 0 || len(secret) > 3 && !strings.Contains(a.Text, "[hidden]") {
				t.Errorf("%s: %s", auth.Scheme, text)
			}
			for _, form := range []string{secret, url.QueryEscape(secret), strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "="), base64.StdEncoding.EncodeToString([]byte("u:" + secret))} {
				if bytes.Contains(text, []byte(form)) {
					t.Errorf("%s: %s is recorded: %s", auth.Scheme, form, text)
				}
			}
		}
	}
}

// letters keeps what may stand in the name of a field.
func letters(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return r
	}
	return 'x'
}

// Nothing is recorded of an answer, and nothing taken for it, where nobody wants it.
func TestNoAnswerIsRecordedUnasked(t *testing.T) {
	b := newBench(t, http.HandlerFunc(echo))
	if a := b.got(t, false, 1, "/"); a != nil {
		t.Errorf("%+v", a)
	}
	b.svc.RecordBodies, b.p.HoldMemory = 1<<10, 1
	if a := b.got(t, false, 2, "/"); a == nil || a.Text != "" || len(a.Fields) > 0 || a.Untold == "" {
		t.Errorf("without memory: %+v", a)
	}
}

// T57: an agent that takes all of an answer but its last byte, and breaks off, has had
// it: the record says so, and what the model took.
func TestT57_WhoBreaksOffHasHadIt(t *testing.T) {
	over := make(chan struct{})
	b := answers(modelBench(t, true, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, chatAnswer)
		w.(http.Flusher).Flush()
		<-over // nobody knows yet that this is all
	}))
	defer close(over)
	c := b.tlsDial("h2")
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Minute))
	io.WriteString(c, http2.ClientPreface)
	fr := http2.NewFramer(c, c)
	fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(len(chatAnswer) - 1)})
	var head strings.Builder
	enc := hpack.NewEncoder(&head)
	for _, f := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "api.example"}, {":path", "/v1/chat/completions"}} {
		enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(head.String()), EndStream: true, EndHeaders: true})
	for got := 0; got < len(chatAnswer)-1; {
		f, err := fr.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := f.(*http2.DataFrame); ok {
			got += len(data.Data())
		}
	}
	fr.WriteRSTStream(1, http2.ErrCodeCancel)
	r := b.waitRecords(1)[0].res
	if r.Answer == nil || r.Answer.Size != int64(len(chatAnswer)) || !strings.Contains(r.Answer.Text, `"content":"hi"`) {
		t.Errorf("the record has %+v", r.Answer)
	}
	if r.Usage == nil || r.Usage.Output != 100 || r.Usage.Input != 600 {
		t.Errorf("the record has %+v", r.Usage)
	}
}
