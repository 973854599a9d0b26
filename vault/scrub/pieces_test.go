package scrub

import (
	"bytes"
	"strings"
	"testing"
)

const cutUp = "correct-horse/battery+staple"

// T31: however a value is cut into pieces, all of it but a beginning of less than Least
// bytes is masked, nothing waits at the end of a piece, and nothing else is touched.
func TestT31_ValuesInPieces(t *testing.T) {
	m := New([]byte(cutUp))
	for _, form := range forms([]byte(cutUp)) {
		text := "before " + string(form) + " and after, corr"
		for cut := range len(text) + 1 {
			for _, second := range []int{cut, min(cut+1, len(text)), min(cut+13, len(text)), len(text)} {
				var p Pieces
				var got []byte
				for i, piece := range []string{text[:cut], text[cut:second], text[second:]} {
					before := len(got)
					step := len(piece)
					if cut%8 == 0 { // a piece comes in bytes
						step = 1
					}
					for j := 0; j < len(piece); j += step {
						got = append(got, p.Next(m, []byte(piece[j:j+step]), j+step == len(piece))...)
					}
					if len(got)-before != len(piece) {
						t.Fatalf("%s at %d, %d: piece %d is held", form, cut, second, i)
					}
				}
				stars := bytes.Count(got, []byte("*"))
				if len(got) != len(text) || !bytes.HasPrefix(got, []byte("before ")) || !bytes.HasSuffix(got, []byte(" and after, corr")) {
					t.Fatalf("%s at %d, %d: %s", form, cut, second, got)
				}
				if most := 2 * (Least - 1); stars < len(form)-most || bytes.Contains(got, form[:Least]) || bytes.Contains(got, form[len(form)-Least:]) {
					t.Fatalf("%s at %d, %d: %s", form, cut, second, got)
				}
			}
		}
	}
}

func FuzzPieces(f *testing.F) {
	f.Add("x"+cutUp+"y", uint16(3), uint16(20))
	f.Add(strings.Repeat("correct-", 9), uint16(9), uint16(12))
	m := New([]byte(cutUp))
	f.Fuzz(func(t *testing.T, text string, a, b uint16) {
		i := min(int(a), len(text))
		j := min(i+int(b), len(text))
		var p Pieces
		var got []byte
		for _, piece := range []string{text[:i], text[i:j], text[j:]} {
			got = append(got, p.Next(m, []byte(piece), true)...)
		}
		if len(got) != len(text) {
			t.Fatalf("%d bytes become %d", len(text), len(got))
		}
		if strings.Contains(string(got), cutUp) {
			t.Fatalf("%q at %d, %d goes through", text, i, j)
		}
		for k := range got {
			if got[k] != '*' && got[k] != text[k] {
				t.Fatalf("%q becomes %q", text, got)
			}
		}
	})
}

func BenchmarkPieces(b *testing.B) {
	m := New([]byte(cutUp))
	frame := []byte(strings.Repeat(`{"delta":"some words"}`, 10))
	var p Pieces
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		p.Next(m, frame, true)
	}
}
