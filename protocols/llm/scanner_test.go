package llm

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"

	"golang.org/x/tools/txtar"
)

// A recording is an answer as a provider documents it, and what it took.
type recording struct {
	name, media, provider, want string
	answer                      []byte
}

func recordings(t testing.TB) []recording {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	var all []recording
	for _, path := range paths {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r := recording{name: strings.TrimSuffix(filepath.Base(path), ".txtar")}
		for _, f := range ar.Files {
			text := strings.TrimSpace(string(f.Data))
			switch f.Name {
			case "answer":
				r.answer = f.Data
			case "type":
				r.media = text
			case "provider":
				r.provider = text
			case "want":
				r.want = text
			}
		}
		all = append(all, r)
	}
	return all
}

// scan reads pieces and gives what they took, as it is recorded.
func scan(t testing.TB, r recording, cut bool, pieces ...[]byte) (*action.Usage, string) {
	t.Helper()
	s := New(r.media)
	for _, p := range pieces {
		s.Write(p)
	}
	u := s.End(End{Provider: r.provider, Sent: 400, Cut: cut})
	b, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	return u, string(b)
}

// However an answer is cut into pieces, the same stands in it.
func TestEverySplit(t *testing.T) {
	for _, r := range recordings(t) {
		t.Run(r.name, func(t *testing.T) {
			if _, got := scan(t, r, false, r.answer); got != r.want {
				t.Fatalf("in one piece:\n%s, want\n%s", got, r.want)
			}
			for i := range r.answer {
				if _, got := scan(t, r, false, r.answer[:i], r.answer[i:]); got != r.want {
					t.Fatalf("split at %d: %s, want %s", i, got, r.want)
				}
			}
			if _, got := scan(t, r, false, bytes.SplitAfter(r.answer, nil)...); got != r.want {
				t.Errorf("byte by byte: %s, want %s", got, r.want)
			}
			if _, got := scan(t, r, false, bytes.ReplaceAll(r.answer, []byte("\n"), []byte("\r\n"))); got != r.want {
				t.Errorf("with lines that end with CR LF: %s, want %s", got, r.want)
			}
		})
	}
}

// An answer that breaks off took no more than the whole one, as far as its numbers
// had come, and says that it is an estimate until the last of them is there.
func TestEveryCut(t *testing.T) {
	for _, r := range recordings(t) {
		t.Run(r.name, func(t *testing.T) {
			whole, _ := scan(t, r, false, r.answer)
			if whole == nil {
				return
			}
			certain := false
			for i := range r.answer {
				u, text := scan(t, r, true, r.answer[:i])
				switch {
				case u == nil:
					if certain {
						t.Fatalf("cut at %d: nothing, though more was known before", i)
					}
					continue
				case u.Prompt() > max(whole.Prompt(), 100), u.Output > max(whole.Output, 60):
					t.Fatalf("cut at %d: %s is more than the whole", i, text)
				case certain && u.Estimated:
					t.Fatalf("cut at %d: %s is less certain than before", i, text)
				}
				certain = !u.Estimated
				if certain && (u.Prompt() != whole.Prompt() && whole.Prompt() != 0 || u.Output != whole.Output) {
					t.Fatalf("cut at %d: %s is said to be certain", i, text)
				}
			}
		})
	}
}

// A stream of Anthropic that breaks off has said how much went in; what came out
// is what it said, not the two tokens of its beginning.
func TestCutStream(t *testing.T) {
	for _, r := range recordings(t) {
		if r.name != "anthropic-stream" {
			continue
		}
		at := bytes.Index(r.answer, []byte("event: message_delta"))
		want := `{"provider":"anthropic","model":"claude-opus-4-1-20250805","input":472,"cache_read":1200,"output":13,"estimated":true}`
		if _, got := scan(t, r, true, r.answer[:at]); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// The scanner is as large after a gigabyte as before, and allocates nothing on the way.
func TestT53_AnAnswerCostsNoMemory(t *testing.T) {
	deep := bytes.Repeat([]byte(`{"choices":[`), 1000)
	for name, piece := range map[string][]byte{
		"a long text":      bytes.Repeat([]byte(`\"usage\":{"`[:10]), 3000),
		"objects":          deep,
		"numbers":          bytes.Repeat([]byte("9"), 30_000),
		"events":           bytes.Repeat([]byte("data: {\"usage\":{\"prompt_tokens\":1}}\n\n"), 900),
		"lines of nothing": bytes.Repeat([]byte("data\n"), 6000),
		"keys":             append([]byte(`{"`), bytes.Repeat([]byte("k"), 30_000)...),
	} {
		for _, media := range []string{"application/json", "text/event-stream", amazon} {
			s := New(media)
			if media == amazon { // a message that does not end, and is packed
				s.Write(binary.BigEndian.AppendUint32([]byte("\x01\x00\x00\x00\x00\x00\x00\x00"), crc32.ChecksumIEEE([]byte("\x01\x00\x00\x00\x00\x00\x00\x00"))))
				s.Write([]byte(`{"bytes":"`))
			}
			s.Write([]byte(`{"choices":["`))
			if n := testing.AllocsPerRun(100, func() { s.Write(piece) }); n != 0 {
				t.Errorf("%s as %s: %v allocations a piece", name, media, n)
			}
		}
	}
}

// What a server says of itself can be a lie, but no lie overflows anything.
func TestT53_HostileNumbers(t *testing.T) {
	for text, want := range map[string]int64{
		"12": 12, "0": 0, "12.0": 12, "1e3": 1000, "100000000": 100_000_000,
		"100000001": 0, "-1": 0, "1.5": 0, "1e400": 0, "-0": 0, "9223372036854775808": 0, "NaN": 0, "Infinity": 0,
		"null": 0, "true": 0, "0x10": 0, "1_000": 0, "": 0, "１２": 0, `"12"`: 0, "[12]": 0, "{}": 0,
		strings.Repeat("0", 500) + "7": 0,
	} {
		u := Read([]byte(`{"usage":{"completion_tokens":3,"prompt_tokens":` + text + `}}`))
		if got := u.Prompt(); got != want {
			t.Errorf("%s counts as %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]int64{
		"0.00014": 140_000, "0": 0, "1000": 1_000_000_000_000, "1000.01": 0, "-0.1": 0, "1e9": 0, "NaN": 0, "5e-10": 1, "1e-400": 0,
	} {
		u := Read([]byte(`{"usage":{"completion_tokens":3,"cost":` + text + `}}`))
		if u.Cost != want {
			t.Errorf("a cost of %s is %d, want %d", text, u.Cost, want)
		}
	}
}

func TestMedia(t *testing.T) {
	for _, media := range []string{"", "text/html", "application/octet-stream"} {
		if New(media) != nil {
			t.Errorf("%q is read", media)
		}
	}
	var none *Scanner
	none.Write([]byte("{}"))
	if none.End(End{}) != nil {
		t.Error("an answer that was not read took something")
	}
}

func FuzzScanner(f *testing.F) {
	for _, r := range recordings(f) {
		f.Add(r.answer, r.media == "text/event-stream", uint16(len(r.answer)/2))
	}
	f.Fuzz(func(t *testing.T, b []byte, events bool, at uint16) {
		i := min(int(at), len(b))
		one, two := &Scanner{events: events}, &Scanner{events: events}
		one.Write(b)
		two.Write(b[:i])
		two.Write(b[i:])
		for _, cut := range []bool{false, true} {
			e := End{Sent: int64(len(b)), Cut: cut}
			u, v := one.End(e), two.End(e)
			if (u == nil) != (v == nil) || u != nil && *u != *v {
				t.Fatalf("split at %d: %+v, want %+v", i, v, u)
			}
			if u == nil {
				continue
			}
			for _, n := range []int64{u.Input, u.CacheRead, u.CacheWrite, u.CacheWriteLong, u.Output, u.Reasoning, u.Audio, u.Cost} {
				if n < 0 || n > 3*maxTokens && n != u.Cost || n > maxDollar*nano {
					t.Fatalf("%d is out of bounds: %+v", n, u)
				}
			}
			if len(u.Model) > maxModel || strings.ContainsAny(u.Model, "\x00\n\u202e") {
				t.Fatalf("a model %q", u.Model)
			}
		}
	})
}

func BenchmarkEvents(b *testing.B) {
	event := []byte(`data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":"Hello, world. "},"logprobs":null,"finish_reason":null}],"usage":null}` + "\n\n")
	s := New("text/event-stream")
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		s.Write(event)
	}
}

func BenchmarkDocument(b *testing.B) {
	text := append(append([]byte(`{"object":"chat.completion","choices":[{"message":{"content":"`), bytes.Repeat([]byte(`all work and no play\n`), 10_000)...), `"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`...)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		new(Scanner).Write(text)
	}
}
