package llm

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"testing"
)

const amazon = "application/vnd.amazon.eventstream"

// message writes one of an event stream, as Amazon documents it.
func message(event, payload string) []byte {
	var h []byte
	for _, one := range [][2]string{{":event-type", event}, {":content-type", "application/json"}, {":message-type", "event"}} {
		h = append(append(h, byte(len(one[0]))), one[0]...)
		h = append(binary.BigEndian.AppendUint16(append(h, 7), uint16(len(one[1]))), one[1]...) // 7: a string
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(preludeLen+len(h)+len(payload)+sumLen))
	b = binary.BigEndian.AppendUint32(b, uint32(len(h)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(append(b, h...), payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// chunk is what InvokeModelWithResponseStream sends: the model's own event, packed.
func chunk(text string) []byte {
	return message("chunk", fmt.Sprintf(`{"bytes":%q,"p":"abcdefgh"}`, base64.StdEncoding.EncodeToString([]byte(text))))
}

// streams are answers as Amazon documents them: of ConverseStream, and of
// InvokeModelWithResponseStream with a model that says its usage, and one that does not.
var streams = map[string]struct {
	answer []byte
	want   string
}{
	"converse": {bytes.Join([][]byte{
		message("messageStart", `{"p":"abcd","role":"assistant"}`),
		message("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"Hello, world. How may I help?"},"p":"ab"}`),
		message("contentBlockStop", `{"contentBlockIndex":0,"p":"abcdef"}`),
		message("messageStop", `{"p":"abc","stopReason":"end_turn"}`),
		message("metadata", `{"metrics":{"latencyMs":552},"p":"abcdefghijkl","usage":{"cacheDetails":[{"inputTokens":15,"ttl":"1h"},{"inputTokens":5,"ttl":"5m"}],"cacheReadInputTokens":50,"cacheWriteInputTokens":20,"inputTokens":125,"outputTokens":60,"totalTokens":255}}`),
	}, nil), `{"provider":"bedrock","input":125,"cache_read":50,"cache_write":5,"cache_write_long":15,"output":60}`},
	"anthropic": {bytes.Join([][]byte{
		chunk(`{"type":"message_start","message":{"model":"claude-haiku-4-5-20251001","id":"msg_bdrk_1","type":"message","role":"assistant","content":[],"stop_reason":null,"usage":{"input_tokens":13,"cache_creation_input_tokens":0,"cache_read_input_tokens":7,"output_tokens":1}}}`),
		chunk(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}`),
		chunk(`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":34}}`),
		chunk(`{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":13,"outputTokenCount":34,"invocationLatency":2130,"firstByteLatency":560}}`),
	}, nil), `{"provider":"bedrock","model":"claude-haiku-4-5-20251001","input":13,"cache_read":7,"output":34}`},
	"titan": {bytes.Join([][]byte{
		chunk(`{"outputText":"Hello, world. How may I help?","index":0,"totalOutputTextTokenCount":null,"completionReason":null,"inputTextTokenCount":5}`),
		chunk(`{"outputText":"","index":0,"totalOutputTextTokenCount":9,"completionReason":"FINISH","inputTextTokenCount":5,"amazon-bedrock-invocationMetrics":{"inputTokenCount":5,"outputTokenCount":9,"invocationLatency":1212,"firstByteLatency":1211}}`),
	}, nil), `{"provider":"bedrock","input":5,"output":9}`},
	"an exception": {bytes.Join([][]byte{
		message("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"Hello, world. How may I help?"},"p":"ab"}`),
		message("throttlingException", `{"message":"Too many requests"}`),
	}, nil), `{"provider":"bedrock","input":100,"output":8,"estimated":true}`},
}

func took(t testing.TB, cut bool, pieces ...[]byte) string {
	t.Helper()
	s := New(amazon)
	for _, p := range pieces {
		s.Write(p)
	}
	b, err := json.Marshal(s.End(End{Provider: "bedrock", Sent: 400, Cut: cut}))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// However an event stream is cut into pieces, the same stands in it; one that breaks off,
// or that is not as it was sent, is an estimate.
func TestEventStreamsOfAmazon(t *testing.T) {
	for name, s := range streams {
		if got := took(t, false, s.answer); got != s.want {
			t.Errorf("%s: %s, want %s", name, got, s.want)
		}
		for i := range s.answer {
			if got := took(t, false, s.answer[:i], s.answer[i:]); got != s.want {
				t.Fatalf("%s, split at %d: %s, want %s", name, i, got, s.want)
			}
		}
		if got := took(t, false, bytes.SplitAfter(s.answer, nil)...); got != s.want {
			t.Errorf("%s, byte by byte: %s, want %s", name, got, s.want)
		}
	}
	whole := streams["converse"].answer
	last := bytes.LastIndex(whole, []byte(`"outputTokens":60`))
	if got, want := took(t, true, whole[:last]), `{"provider":"bedrock","input":125,"cache_read":50,"cache_write":5,"cache_write_long":15,"output":8,"estimated":true}`; got != want {
		t.Errorf("cut: %s, want %s", got, want)
	}
	for _, at := range []int{3, 9, 40, last + 16, len(whole) - 1} { // lengths, sums, a header, a number
		bad := bytes.Clone(whole)
		bad[at] ^= 1
		var u struct{ Estimated bool }
		if got := took(t, false, bad); got != "null" && (json.Unmarshal([]byte(got), &u) != nil || !u.Estimated) {
			t.Errorf("with byte %d as it was not sent: %s", at, got)
		}
	}
}

// A model whose answer says nothing is counted by the head, and one that says something
// by what it says.
func TestTheHeadOfAnAnswer(t *testing.T) {
	head := map[string][]string{
		"X-Amzn-Bedrock-Input-Token-Count": {"14"}, "X-Amzn-Bedrock-Output-Token-Count": {"36"}, "X-Amzn-Bedrock-Cache-Read-Input-Token-Count": {"5"},
	}
	for _, tt := range []struct {
		head       map[string][]string
		body, want string
	}{
		{head, `{"results":[{"outputText":"Hello"}]}`, `{"provider":"bedrock","input":14,"cache_read":5,"output":36}`},
		{head, `{"type":"message","usage":{"input_tokens":3,"output_tokens":4}}`, `{"provider":"bedrock","input":3,"output":4}`},
		{map[string][]string{"X-Amzn-Bedrock-Output-Token-Count": {"3", "6"}}, `{"results":[]}`, `null`},
		{map[string][]string{"X-Amzn-Bedrock-Output-Token-Count": {"-3"}}, `{"results":[]}`, `null`},
		{nil, `{"results":[]}`, `null`},
	} {
		s := New("application/json")
		s.Head(tt.head)
		s.Write([]byte(tt.body))
		b, err := json.Marshal(s.End(End{Provider: "bedrock", Sent: 400}))
		if err != nil || string(b) != tt.want {
			t.Errorf("%s: %s, want %s", tt.body, b, tt.want)
		}
	}
	(*Scanner)(nil).Head(head)
}

// A message of Amazon's own, with its sums: the format is what others write.
func TestAMessageOfAmazons(t *testing.T) {
	b, err := hex.DecodeString("0000001d00000000fd528c5a" + hex.EncodeToString([]byte("{'foo':'bar'}")) + "c3653936")
	if err != nil {
		t.Fatal(err)
	}
	s := New(amazon)
	s.Write(b)
	if s.frames.broken || s.frames.open {
		t.Error("it is not read to its end")
	}
}

func FuzzFrames(f *testing.F) {
	for _, s := range streams {
		f.Add(s.answer, uint16(len(s.answer)/2))
	}
	f.Add(message("chunk", `{"bytes":"\/\/8=","p":"`), uint16(30))
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		i := min(int(at), len(b))
		for _, cut := range []bool{false, true} {
			if one, two := took(t, cut, b), took(t, cut, b[:i], b[i:]); one != two {
				t.Fatalf("split at %d: %s, want %s", i, two, one)
			}
		}
	})
}

func BenchmarkFrames(b *testing.B) {
	event := message("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"Hello, world. How may I help?"},"p":"abcdefghijklmn"}`)
	s := New(amazon)
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		s.Write(event)
	}
}
