package http

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/ask"
)

const (
	listed     = "2026-05-27" // when the price of the model was found
	chatAnswer = `{"object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":1000,"completion_tokens":100,"prompt_tokens_details":{"cached_tokens":400}}}`
	chatEvents = "data: {\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"delta\":{\"content\":\"hello you\"}}],\"usage\":null}\n\n" +
		"data: {\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-2024-08-06\",\"choices\":[],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":100,\"prompt_tokens_details\":{\"cached_tokens\":400}}}\n\n" +
		"data: [DONE]\n\n"
)

// modelBench is a service whose operations say that models are asked there.
func modelBench(t testing.TB, secret bool, h http.HandlerFunc) *bench {
	b := newBench(t, h)
	b.svc.Readings, b.svc.Preset = []string{"llm"}, "openai"
	if secret {
		b.auth, b.svc.Injects = &action.Auth{Scheme: "bearer", Secrets: []string{"s"}}, true
	}
	return b
}

// However an answer comes, the agent has it whole and the record has its numbers.
func TestUsageOfAnAnswer(t *testing.T) {
	want := action.Usage{Provider: "openai", Model: "gpt-4o-2024-08-06", Input: 600, CacheRead: 400, Output: 100, Cost: 600*2500 + 400*1250 + 100*10_000, Price: listed}
	for _, secret := range []bool{true, false} {
		for _, coding := range []string{"", "gzip", "deflate", "br", "zstd"} {
			for typ, text := range map[string]string{"application/json; charset=utf-8": chatAnswer, "text/event-stream": chatEvents} {
				t.Run(fmt.Sprintf("secret=%v %s %s", secret, coding, typ), func(t *testing.T) {
					b := modelBench(t, secret, func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Content-Type", typ)
						whole := []byte(text)
						if enc := encoders[coding]; enc != nil {
							var packed bytes.Buffer
							z := enc(&packed)
							io.WriteString(z, text)
							z.Close()
							w.Header().Set("Content-Encoding", coding)
							whole = packed.Bytes()
						}
						for piece := range bytes.SplitSeq(whole, []byte(",")) {
							w.Write(piece)
							w.(http.Flusher).Flush()
							if len(piece) < len(whole) {
								whole = whole[len(piece):]
							}
							if len(whole) > 0 && whole[0] == ',' {
								w.Write([]byte(","))
								whole = whole[1:]
							}
						}
					})
					bothVersions(t, func(t *testing.T, h2 bool) {
						req, _ := http.NewRequest("POST", "https://api.example/v1/chat/completions", strings.NewReader(`{"model":"gpt-4o","stream":true}`))
						req.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
						req.Header.Set("Content-Type", "application/json")
						resp, err := b.client(h2).Do(req)
						if err != nil {
							t.Fatal(err)
						}
						if got := body(t, resp); got != text {
							t.Errorf("the agent has %q (%v)", got, resp.Header)
						}
					})
					for _, r := range b.waitRecords(2) {
						if r.res.Usage == nil || *r.res.Usage != want {
							t.Errorf("the record has %+v, want %+v", r.res.Usage, want)
						}
					}
				})
			}
		}
	}
}

// Gemini says in the head of an answer in which tier it was given, which has prices of
// its own.
func TestUsageInATierOfGemini(t *testing.T) {
	for tier, want := range map[string]action.Usage{
		"priority": {Provider: "gemini", Asked: "gemini-2.5-flash", Model: "gemini-2.5-flash", Input: 10, Output: 5, Tier: "priority"},
		"standard": {Provider: "gemini", Asked: "gemini-2.5-flash", Model: "gemini-2.5-flash", Input: 10, Output: 5, Cost: 10*300 + 5*2500, Price: "2026-03-21"},
	} {
		b := modelBench(t, true, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Gemini-Service-Tier", tier)
			io.WriteString(w, `{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5},"modelVersion":"gemini-2.5-flash"}`)
		})
		b.svc.Preset = "gemini"
		resp, err := b.client(false).Post("https://api.example/v1beta/models/gemini-2.5-flash:generateContent", "application/json", strings.NewReader(`{"contents":[]}`))
		if err != nil {
			t.Fatal(err)
		}
		body(t, resp)
		if u := b.waitRecords(1)[0].res.Usage; u == nil || *u != want {
			t.Errorf("%s: the record has %+v, want %+v", tier, u, want)
		}
	}
}

// What a model answers over a WebSocket is counted, and its messages stay as they are.
func TestUsageOverAWebSocket(t *testing.T) {
	message := func(text string) string {
		return "\x81\x7e" + string([]byte{byte(len(text) >> 8), byte(len(text))}) + text
	}
	one := message(`{"type":"response.completed","response":{"model":"gpt-4o-2024-08-06","usage":{"input_tokens":1000,"input_tokens_details":{"cached_tokens":400},"output_tokens":100}},"padding":"` + strings.Repeat(" ", 60) + `"}`)
	for _, secret := range []bool{true, false} {
		b := modelBench(t, secret, nil)
		b.rawOrigin(func(c net.Conn) {
			fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n%s\x89\x02{\"%s", one, one)
		})
		c := b.tlsDial("http/1.1")
		if _, err := c.Write([]byte(handshake)); err != nil {
			t.Fatal(err)
		}
		got := until(t, c, one+"\x89\x02{\""+one)
		c.CloseWrite() //nolint:errcheck // it may be over
		if !strings.HasSuffix(got, "\r\n\r\n"+one+"\x89\x02{\""+one) {
			t.Errorf("the agent has %q", got)
		}
		want := action.Usage{Provider: "openai", Model: "gpt-4o-2024-08-06", Input: 1200, CacheRead: 800, Output: 200, Cost: 2 * (600*2500 + 400*1250 + 100*10_000), Price: listed}
		if u := b.waitRecords(1)[0].res.Usage; u == nil || *u != want {
			t.Errorf("the record has %+v, want %+v", u, want)
		}
	}
}

// What is no answer of a model takes nothing, and none of it is read.
func TestUsageOfOthers(t *testing.T) {
	for name, tt := range map[string]struct {
		method, typ, coding string
		status              int
		readings            []string
	}{
		"another service":    {"POST", "application/json", "", 200, nil},
		"a GET":              {"GET", "application/json", "", 200, []string{"llm"}},
		"an error":           {"POST", "application/json", "", 429, []string{"llm"}},
		"another type":       {"POST", "text/html", "", 200, []string{"llm"}},
		"an unknown coding":  {"POST", "application/json", "x-own", 200, []string{"llm"}},
		"a part of a coding": {"POST", "application/json", "gzip", 206, []string{"llm"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := modelBench(t, false, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", tt.typ)
				if tt.coding != "" {
					w.Header().Set("Content-Encoding", tt.coding)
				}
				w.WriteHeader(tt.status)
				io.WriteString(w, chatAnswer)
			})
			b.svc.Readings = tt.readings
			req, _ := http.NewRequest(tt.method, "https://api.example/v1/chat/completions", nil)
			req.Header.Set("Accept-Encoding", "identity") // else the client asks for gzip and undoes it
			resp, err := b.client(false).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if got := body(t, resp); got != chatAnswer {
				t.Errorf("the agent has %q", got)
			}
			if u := b.waitRecords(1)[0].res.Usage; u != nil {
				t.Errorf("it took %+v", u)
			}
		})
	}
}

// A stream that breaks off, on either side, has what it had taken until then.
func TestUsageOfACutStream(t *testing.T) {
	first, _, _ := strings.Cut(chatEvents, "\n\n")
	for _, agent := range []bool{false, true} {
		for _, coding := range []string{"", "gzip"} {
			t.Run(fmt.Sprintf("agent=%v %s", agent, coding), func(t *testing.T) {
				b := modelBench(t, true, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/event-stream")
					var out io.Writer = w
					if coding != "" {
						w.Header().Set("Content-Encoding", coding)
						z := encoders[coding](w)
						out = z
						defer func() { panic(http.ErrAbortHandler) }()
					}
					io.WriteString(out, first+"\n\n")
					if f, ok := out.(interface{ Flush() error }); ok {
						f.Flush()
					}
					w.(http.Flusher).Flush()
					if agent {
						<-r.Context().Done()
					}
					panic(http.ErrAbortHandler)
				})
				resp, err := b.client(false).Post("https://api.example/v1/chat/completions", "application/json", strings.NewReader(`{"stream":true}`))
				if err != nil {
					t.Fatal(err)
				}
				if agent {
					bufio.NewReader(resp.Body).ReadString('\n')
				} else if _, err := io.ReadAll(resp.Body); err == nil {
					t.Error("a cut stream looked whole")
				}
				resp.Body.Close()
				u := b.waitRecords(1)[0].res.Usage
				if u == nil || !u.Estimated || u.Output != 3 || u.Input == 0 || u.Model != "gpt-4o-2024-08-06" || u.Cost == 0 {
					t.Errorf("it took %+v", u)
				}
			})
		}
	}
}

// A service may have streams asked for what they take; the agent that did not ask
// sees its own stream, and what was approved goes as it was.
func TestUsageIsAskedFor(t *testing.T) {
	const plain = "data: {\"choices\":[{\"delta\":{\"content\":\"hello\"}}],\"usage\":null}\n\n"
	const extra = "data: {\"model\":\"gpt-4o\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":3}}\n\n"
	const end = "data: [DONE]\n\n"
	for name, tt := range map[string]struct {
		sent, path, coding string
		asks               bool // the service wants it
		approved           bool
		got                string // by the origin
		seen               bool   // of extra by the agent
		estimated          bool
	}{
		"asked for":          {sent: `{"model":"gpt-4o","stream":true}`, asks: true, got: `{"stream_options":{"include_usage":true},"model":"gpt-4o","stream":true}`},
		"not wanted":         {sent: `{"model":"gpt-4o","stream":true}`, got: `{"model":"gpt-4o","stream":true}`, estimated: true},
		"by the agent":       {sent: `{"stream":true,"stream_options":{"include_usage":true}}`, asks: true, got: `{"stream":true,"stream_options":{"include_usage":true}}`, seen: true},
		"refused by it":      {sent: `{"stream":true,"stream_options":{"include_usage":false}}`, asks: true, got: `{"stream":true,"stream_options":{"include_usage":false}}`, estimated: true},
		"another API":        {sent: `{"stream":true}`, path: "/v1/messages", asks: true, got: `{"stream":true}`, estimated: true},
		"approved as it was": {sent: `{"stream":true}`, asks: true, approved: true, got: `{"stream":true}`, estimated: true},
		"no document":        {sent: `{"stream":true`, asks: true, got: `{"stream":true`, estimated: true},
		"twice":              {sent: `{"stream":true,"stream":false}`, asks: true, got: `{"stream":true,"stream":false}`, estimated: true},
	} {
		for _, size := range []int{0, 300 << 10} { // the larger cannot be held
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				var got []byte
				b := modelBench(t, true, func(w http.ResponseWriter, r *http.Request) {
					got, _ = io.ReadAll(r.Body)
					w.Header().Set("Content-Type", "text/event-stream")
					text := plain + end
					if bytes.Contains(got, []byte(`"include_usage":true`)) {
						text = plain + extra + end
					}
					for piece := range strings.SplitAfterSeq(text, ",") {
						io.WriteString(w, piece)
						w.(http.Flusher).Flush()
					}
				})
				b.svc.AskUsage = tt.asks
				if tt.approved {
					read := false // the rules look into the body first, so that it is held
					b.decide = func(*action.Action) action.Decision {
						if read = !read; read {
							return action.Decision{Need: ask.BodyFacts}
						}
						return action.Decision{Verdict: action.Ask}
					}
					b.settle = func(context.Context, *action.Action, action.Decision) action.Decision {
						return action.Decision{Verdict: action.Allow}
					}
				}
				pad := strings.Repeat(" ", size)
				path := cmp.Or(tt.path, "/v1/chat/completions")
				resp, err := b.client(false).Post("https://api.example"+path, "application/json", strings.NewReader(tt.sent+pad))
				if err != nil {
					t.Fatal(err)
				}
				want, seen, estimated := tt.got, tt.seen, tt.estimated
				if size > 0 && name == "asked for" {
					want, estimated = tt.sent, true
				}
				text := plain + end
				if seen {
					text = plain + extra + end
				}
				if read := body(t, resp); read != text {
					t.Errorf("the agent sees %q, want %q", read, text)
				}
				if string(got) != want+pad {
					t.Errorf("the origin got %.120q, want %.120q", got, want)
				}
				if u := b.waitRecords(1)[0].res.Usage; u == nil || u.Estimated != estimated || !estimated && u.Prompt() != 11 {
					t.Errorf("the record has %+v", u)
				}
			})
		}
	}
}

// BenchmarkEvent is the way of one event from the origin to the agent, which waits
// for it.
func BenchmarkEvent(bb *testing.B) {
	event := `data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"Hello, world. "},"finish_reason":null}],"usage":null}` + "\n\n"
	for _, readings := range [][]string{nil, {"llm"}} {
		bb.Run(fmt.Sprintf("read=%v", readings != nil), func(bb *testing.B) {
			next := make(chan struct{})
			b := modelBench(bb, true, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				w.(http.Flusher).Flush()
				for range next {
					io.WriteString(w, event)
					w.(http.Flusher).Flush()
				}
			})
			b.svc.Readings = readings
			resp, err := b.client(false).Post("https://api.example/v1/chat/completions", "application/json", strings.NewReader(`{}`))
			if err != nil {
				bb.Fatal(err)
			}
			buf := make([]byte, len(event))
			bb.ReportAllocs()
			for bb.Loop() {
				next <- struct{}{}
				if _, err := io.ReadFull(resp.Body, buf); err != nil {
					bb.Fatal(err)
				}
			}
			close(next)
			resp.Body.Close()
		})
	}
}
