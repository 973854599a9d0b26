package llm

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"sallyport.dev/sallyport/action"
)

// node makes a document of a few members.
func node(members map[string]*action.Node) *action.Node {
	n := &action.Node{Kind: action.NodeObject}
	for key, m := range members {
		n.Keys, n.Items = append(n.Keys, key), append(n.Items, *m)
	}
	return n
}

func TestAskUsage(t *testing.T) {
	yes, no, text := &action.Node{Kind: action.NodeBool, Num: 1}, &action.Node{Kind: action.NodeBool}, &action.Node{Kind: action.NodeString, Str: "yes"}
	for _, tt := range []struct {
		name, body string
		doc        *action.Node
		want       string
	}{
		{"a stream", ` {"stream":true}`, node(map[string]*action.Node{"stream": yes}), ` {"stream_options":{"include_usage":true},"stream":true}`},
		{"no stream", `{"stream":false}`, node(map[string]*action.Node{"stream": no}), ""},
		{"nothing said", `{"model":"m"}`, node(map[string]*action.Node{"model": text}), ""},
		{"no flag", `{"stream":"yes"}`, node(map[string]*action.Node{"stream": text}), ""},
		{"options of its own", `{"stream":true,"stream_options":{}}`, node(map[string]*action.Node{"stream": yes, "stream_options": node(nil)}), ""},
		{"a list", `[{"stream":true}]`, &action.Node{Kind: action.NodeList}, ""},
	} {
		if got := string(AskUsage(tt.doc, []byte(tt.body))); got != tt.want || got != "" && !json.Valid([]byte(got)) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// The event that was not asked for goes to the scanner and not to the agent; all
// else arrives as it was sent, however it is cut.
func TestHide(t *testing.T) {
	const before = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n: beat\n\nevent: x\ndata: {\"choices\":[],\"note\":\"usage\"}\n\n"
	const secret = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}}\n\n"
	const behind = "data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}}\n\ndata: [DONE]\n\n"
	for name, text := range map[string]string{
		"LF": before + secret + behind, "CR LF": strings.ReplaceAll(before+secret+behind, "\n", "\r\n"),
		"unfinished": before + secret + behind + "data: {\"choices\":[],\"usage\":{}",
		"long":       before + "data: " + strings.Repeat("x", 3*maxEvent) + "\n\n" + secret + behind,
	} {
		crlf := strings.ReplaceAll(secret, "\n", "\r\n")
		want := strings.ReplaceAll(strings.ReplaceAll(text, crlf, ""), secret, "")
		for way, cut := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "with its end": iotest.DataErrReader} {
			s := New("text/event-stream")
			got, err := io.ReadAll(iotest.OneByteReader(Hide(io.NopCloser(cut(strings.NewReader(text))), s)))
			if err != nil || string(got) != want {
				t.Errorf("%s, %s: %d bytes (%v), want %d:\n%.600s", name, way, len(got), err, len(want), got)
			}
			if u := s.End(End{}); u == nil || u.Input != 7 || u.Output != 5 || u.Estimated {
				t.Errorf("%s, %s: the scanner has %+v", name, way, u)
			}
		}
	}
}

// What is not whole is held back no longer than its end, and no more than it may be.
func TestHideBreaksOff(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("data: {\"choices\":[],\"usage\":{"), iotest.ErrReader(io.ErrUnexpectedEOF))
	got, err := io.ReadAll(Hide(io.NopCloser(broken), New("text/event-stream")))
	if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasSuffix(got, []byte(`"usage":{`)) {
		t.Errorf("%q %v", got, err)
	}
}

func FuzzHide(f *testing.F) {
	f.Add([]byte("data: {\"choices\":[],\"usage\":{}}\n\ndata: x\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := io.ReadAll(Hide(io.NopCloser(bytes.NewReader(b)), New("text/event-stream")))
		one, _ := io.ReadAll(Hide(io.NopCloser(iotest.OneByteReader(bytes.NewReader(b))), New("text/event-stream")))
		if err != nil || len(all) > len(b) || !bytes.Equal(all, one) {
			t.Fatalf("%q and %q of %q: %v", all, one, b, err)
		}
		if !bytes.Contains(b, []byte(`"usage"`)) && !bytes.Equal(all, b) {
			t.Fatalf("%q of %q", all, b)
		}
	})
}
