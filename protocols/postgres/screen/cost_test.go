package screen

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"sallyport.dev/sallyport/vault/scrub"
)

// What the screen costs where an agent has the server write what it looks for, again
// and again: the beginnings of verifiers, and verifiers.
func BenchmarkMaskMarks(b *testing.B) {
	secrets := scrub.New([]byte("a-secret-of-some-length-123"))
	for _, c := range []struct{ name, value string }{
		{"text", strings.Repeat("hello world ", 5000)},
		{"md5 in hex", strings.Repeat(md5InHex, 10_000)},
		{"md5 in hex, with a digit", strings.Repeat(md5InHex+"61", 7500)},
		{"SCRAM in hex", strings.Repeat(scramInHex+"313a", 1900)},
		{"rows of md5", "md5" + strings.Repeat("a", 32)},
	} {
		row := append([]byte("D"), binary.BigEndian.AppendUint32(nil, uint32(len(c.value)+4))...)
		row = append(row, c.value...)
		rows := bytes.Repeat(row, 60_000/len(row)+1)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(rows)))
			s, again := &Screen{Secrets: func() *scrub.Matcher { return secrets }}, make([]byte, len(rows))
			for b.Loop() {
				copy(again, rows)
				s.Mask(again, false)
			}
		})
	}
}
