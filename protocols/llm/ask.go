package llm

import (
	"bytes"
	"encoding/json"
	"io"

	"sallyport.dev/sallyport/action"
)

// option is what has a stream of OpenAI's say its usage.
const option = `"stream_options":{"include_usage":true},`

// AskUsage gives a request for a stream with the option that has it say its usage;
// nil if it asks for none, or says something of options itself.
func AskUsage(doc *action.Node, body []byte) []byte {
	if doc.Kind != action.NodeObject {
		return nil
	}
	stream, state := doc.Member("stream")
	if state != action.Known || stream.Kind != action.NodeBool || stream.Num != 1 {
		return nil
	}
	if _, state := doc.Member("stream_options"); state != action.Absent {
		return nil
	}
	at := bytes.IndexByte(body, '{') + 1 // there is a member behind it
	out := make([]byte, 0, len(body)+len(option))
	return append(append(append(out, body[:at]...), option...), body[at:]...)
}

// maxEvent bounds an event that is held back until it is whole; a longer one goes
// out as it comes.
const maxEvent = 64 << 10

// A hider takes the event out of a stream that the agent did not ask for.
type hider struct {
	src     io.ReadCloser
	scanner *Scanner
	begun   []byte // of an event that is not whole
	ready   []byte // may go out
	room    []byte // of ready
	piece   [4 << 10]byte
	err     error
}

// Hide gives body without the event that only says the usage, which the scanner gets
// instead. Every other event goes out once it is whole.
func Hide(body io.ReadCloser, s *Scanner) io.ReadCloser { return &hider{src: body, scanner: s} }

// Read implements io.Reader.
func (h *hider) Read(p []byte) (int, error) {
	for len(h.ready) == 0 {
		if h.err != nil {
			return 0, h.err
		}
		h.room = h.room[:0]
		n, err := h.src.Read(h.piece[:])
		h.err = err
		h.take(h.piece[:n])
		if err != nil || len(h.begun) > maxEvent { // it will not be whole, or not soon
			h.room = append(h.room, h.begun...)
			h.begun = h.begun[:0]
		}
		h.ready = h.room
		if n == 0 && err == nil {
			return 0, nil
		}
	}
	n := copy(p, h.ready)
	h.ready = h.ready[n:]
	return n, nil
}

// take puts whole events into room.
func (h *hider) take(p []byte) {
	for _, c := range p {
		h.begun = append(h.begun, c)
		if c != '\n' || !bytes.HasSuffix(h.begun, []byte("\n\n")) && !bytes.HasSuffix(h.begun, []byte("\n\r\n")) {
			continue
		}
		if onlyUsage(h.begun) {
			h.scanner.Write(h.begun)
		} else {
			h.room = append(h.room, h.begun...)
		}
		h.begun = h.begun[:0]
	}
}

// onlyUsage reports whether an event is the one that the option brings: no choices,
// and a usage.
func onlyUsage(event []byte) bool {
	data, ok := bytes.CutPrefix(bytes.TrimSpace(event), []byte(field))
	if !ok || !bytes.Contains(data, []byte(`"usage"`)) || bytes.Contains(data, []byte(`"usage":null`)) {
		return false
	}
	var chunk struct {
		Choices *[]json.RawMessage
		Usage   json.RawMessage
	}
	return json.Unmarshal(data, &chunk) == nil && chunk.Choices != nil && len(*chunk.Choices) == 0 && len(chunk.Usage) > 0 && chunk.Usage[0] == '{'
}

// Close closes the body.
func (h *hider) Close() error { return h.src.Close() }
