package glob

import (
	"slices"
	"strings"
	"testing"
)

// A trie finds every pattern that matches, whatever else it finds.
func TestTrieFindsWhatMatches(t *testing.T) {
	patterns := []string{"/", "/a", "/a/*", "/a/*/c", "/a/**", "/a/b*/c", "/b/**/z", "/Ab/C", "/*", "/*/b", "/a/b/c/d", "/x y", "/" + strings.Repeat("k", 80) + "/l"}
	paths := []string{"/", "", "/a", "/A", "/a/", "/a/b", "/a/b/c", "/a/bb/c", "/a/b/c/d", "/b/z", "/b/q/r/z", "/b", "/AB/c", "/c", "/q/b", "/x%20y", "/" + strings.Repeat("k", 80) + "/l", "/" + strings.Repeat("K", 80) + "/L", "/nowhere/at/all"}
	for _, fold := range []bool{false, true} {
		trie := NewTrie[string](fold)
		for _, p := range patterns {
			if !trie.Add(p, p) {
				t.Errorf("%q is not filed", p)
			}
		}
		for _, path := range paths {
			var found []string
			trie.Each(path, func(list []string) { found = append(found, list...) })
			for _, p := range patterns {
				g, err := Compile(p, '/')
				if err != nil {
					t.Fatal(err)
				}
				if fold {
					g = g.Fold()
				}
				if g.Match(path) && !slices.Contains(found, p) {
					t.Errorf("fold %v: %q matches %q and is not found: %q", fold, p, path, found)
				}
			}
			if path == "/nowhere/at/all" && len(found) > 0 {
				t.Errorf("%q is found for %q", found, path)
			}
		}
	}
	trie := NewTrie[int](false)
	for _, bad := range []string{"**", "/**/x", "/a//b", ""} {
		if trie.Add(bad, 1) || trie.Len() != 0 {
			t.Errorf("%q is filed", bad)
		}
	}
}

// FuzzTrie compares a trie with the patterns one by one.
func FuzzTrie(f *testing.F) {
	f.Add("/a/*/c", "/a/b/c", true)
	f.Add("/A/**", "/a", false)
	f.Add("/*x/y", "/zx/y/", false)
	f.Fuzz(func(t *testing.T, pattern, path string, fold bool) {
		g, err := Compile(pattern, '/')
		trie := NewTrie[int](fold)
		if !trie.Add(pattern, 1) || err != nil {
			return
		}
		if fold {
			g = g.Fold()
		}
		found := false
		trie.Each(path, func([]int) { found = true })
		if g.Match(path) && !found {
			t.Errorf("%q matches %q and is not found", pattern, path)
		}
	})
}

func BenchmarkTrie(b *testing.B) {
	trie := NewTrie[int](true)
	for i := range 1000 {
		trie.Add("/repos/*/*/kind"+strings.Repeat("x", i%50)+"/*", i)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		trie.Each("/repos/acme/site/kindxxx/7", func(list []int) { n += len(list) })
	}
}
