package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxStartup bounds a packet of the connection phase, as the server does.
const MaxStartup = 10000

// The request codes that stand where a start-up packet has its version.
const (
	CodeCancel = 80877102
	CodeSSL    = 80877103
	CodeGSS    = 80877104
)

// Protocol versions 3.0 and 3.2.
const (
	Version30 = 3 << 16
	Version32 = 3<<16 | 2
)

// A Parameter is one name and value of a start-up packet.
type Parameter struct{ Name, Value string }

// A Startup is what an agent says first.
type Startup struct {
	Version    uint32
	Parameters []Parameter // without the _pq_ ones
	Extensions []string    // names that begin with _pq_.
}

// Newest gives the newest version that both the agent and the gateway speak.
func (s *Startup) Newest() uint32 {
	if s.Version >= Version32 {
		return Version32
	}
	return Version30
}

// Get gives the value of a parameter, "" if it is not there.
func (s *Startup) Get(name string) string {
	for _, p := range s.Parameters {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// PacketLen reads the length of a packet of the connection phase.
func PacketLen(b []byte) (int, error) {
	n := binary.BigEndian.Uint32(b)
	if n < 8 || n > MaxStartup {
		return 0, fmt.Errorf("%w: start-up packet of %d bytes", ErrMalformed, n)
	}
	return int(n), nil
}

// ParseStartup reads a whole start-up packet, its length included.
func ParseStartup(packet []byte) (*Startup, error) {
	if len(packet) < 9 || len(packet) > MaxStartup {
		return nil, fmt.Errorf("%w: start-up packet of %d bytes", ErrMalformed, len(packet))
	}
	s := &Startup{Version: binary.BigEndian.Uint32(packet[4:])}
	if s.Version>>16 != 3 {
		return nil, fmt.Errorf("%w: protocol %d.%d is not spoken here", ErrMalformed, s.Version>>16, s.Version&0xffff)
	}
	seen := make(map[string]bool)
	for rest := packet[8:]; ; {
		name, after, ok := cstring(rest)
		if !ok {
			return nil, fmt.Errorf("%w: start-up packet without its end", ErrMalformed)
		}
		if name == "" {
			if len(after) != 0 {
				return nil, fmt.Errorf("%w: %d bytes behind the start-up packet", ErrMalformed, len(after))
			}
			return s, nil
		}
		value, after, ok := cstring(after)
		if !ok {
			return nil, fmt.Errorf("%w: start-up parameter %q has no value", ErrMalformed, name)
		}
		if seen[name] {
			return nil, fmt.Errorf("%w: start-up parameter %q stands twice", ErrMalformed, name)
		}
		seen[name] = true
		if strings.HasPrefix(name, "_pq_.") {
			s.Extensions = append(s.Extensions, name)
		} else {
			s.Parameters = append(s.Parameters, Parameter{name, value})
		}
		rest = after
	}
}

// EncodeStartup makes a start-up packet. Of several parameters of one name, in
// whatever case, the last one counts.
func EncodeStartup(version uint32, list []Parameter) ([]byte, error) {
	b := binary.BigEndian.AppendUint32(make([]byte, 4, 256), version)
	for i, p := range list {
		if slices.ContainsFunc(list[i+1:], func(o Parameter) bool { return strings.EqualFold(o.Name, p.Name) }) {
			continue
		}
		if p.Name == "" || strings.IndexByte(p.Name+p.Value, 0) >= 0 {
			return nil, fmt.Errorf("%w: start-up parameter %q", ErrMalformed, p.Name)
		}
		b = append(append(b, p.Name...), 0)
		b = append(append(b, p.Value...), 0)
	}
	b = append(b, 0)
	if len(b) > MaxStartup {
		return nil, fmt.Errorf("%w: start-up packet of %d bytes", ErrMalformed, len(b))
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b, nil
}

// A Cancel asks to cancel what a session is doing.
type Cancel struct {
	PID    uint32
	Secret string
}

// ParseCancel reads a whole cancel packet, its length included.
func ParseCancel(packet []byte) (*Cancel, error) {
	if len(packet) < 16 || len(packet) > 12+256 {
		return nil, fmt.Errorf("%w: cancel packet of %d bytes", ErrMalformed, len(packet))
	}
	return &Cancel{PID: binary.BigEndian.Uint32(packet[8:]), Secret: string(packet[12:])}, nil
}

var errOptions = errors.New("options must be -c name=value or --name=value")

// ParseOptions reads the start-up parameter "options" as the server splits it:
// by blanks, with a backslash before a blank or a backslash that is meant.
func ParseOptions(text string) ([]Parameter, error) {
	words := splitOptions(text)
	var out []Parameter
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "-c":
			if i++; i == len(words) {
				return nil, errOptions
			}
			w = words[i]
		case strings.HasPrefix(w, "-c"), strings.HasPrefix(w, "--"):
			w = w[2:]
		default:
			return nil, fmt.Errorf("%w, not %q", errOptions, w)
		}
		name, value, ok := strings.Cut(w, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%w, not %q", errOptions, w)
		}
		out = append(out, Parameter{strings.ReplaceAll(name, "-", "_"), value})
	}
	return out, nil
}

func splitOptions(text string) []string {
	var words []string
	var w strings.Builder
	in := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			w.WriteByte(text[i])
			in = true
		case c == ' ' || c >= '\t' && c <= '\r':
			if in {
				words = append(words, w.String())
				w.Reset()
				in = false
			}
		case c == '\\': // the last byte
		default:
			w.WriteByte(c)
			in = true
		}
	}
	if in {
		words = append(words, w.String())
	}
	return words
}

// cstring cuts a string that ends with NUL off b.
func cstring(b []byte) (s string, rest []byte, ok bool) {
	i := bytes.IndexByte(b, 0)
	if i < 0 {
		return "", nil, false
	}
	return string(b[:i]), b[i+1:], true
}
