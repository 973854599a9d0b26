package seal

import (
	"strings"
	"testing"
)

func TestT40_NoTwoListsHaveTheSameSeal(t *testing.T) {
	seen := map[string]string{}
	for _, key := range []string{"one", "two"} {
		for _, words := range [][]string{
			{"a"}, {"b"}, {"a", "b"}, {"b", "a"}, {"ab"}, {"a", ""}, {"", "a"}, {"a", "", "b"}, {"\x00a"}, {strings.Repeat("a", 300)},
		} {
			got, name := Of([]byte(key), words[0], words[1:]...), key+strings.Join(words, "|")
			if got != Of([]byte(key), words[0], words[1:]...) {
				t.Errorf("%s: not the same twice", name)
			}
			if other := seen[got]; other != "" {
				t.Errorf("%s has the seal of %s", name, other)
			}
			seen[got] = name
		}
	}
}
