package glob

// A Trie holds values by patterns of paths and finds those whose pattern may match
// a path, in a time that does not grow with how many there are. It leaves the last
// word to Match: a star within a segment counts as a whole one. It is filled
// first, and then safe for concurrent use.
type Trie[V any] struct {
	root trieNode[V]
	fold bool
	size int
}

// A trieNode is what patterns with the same beginning have in common.
type trieNode[V any] struct {
	kids map[string]*trieNode[V] // by segment
	star *trieNode[V]            // any one segment
	rest []V                     // ** stands here: whatever follows
	end  []V                     // the pattern ends here
}

// maxFolded bounds a segment that is looked up without regard to case; a longer
// one counts as a star.
const maxFolded = 64

// NewTrie makes an empty trie; with fold ASCII letters match in either case.
func NewTrie[V any](fold bool) *Trie[V] { return &Trie[V]{fold: fold} }

// Add files v under a pattern, behind what is there already. It reports whether the
// pattern says anything: one that begins with ** does not, and is not filed.
func (t *Trie[V]) Add(pattern string, v V) bool {
	g, err := Compile(pattern, '/')
	if err != nil || len(g.segs) > 0 && g.segs[0].any {
		return false
	}
	n := &t.root
	for _, s := range g.segs {
		if s.any {
			n.rest = append(n.rest, v)
			t.size++
			return true
		}
		n = n.next(s, t.fold)
	}
	n.end = append(n.end, v)
	t.size++
	return true
}

// next gives the node behind a segment of a pattern.
func (n *trieNode[V]) next(s segment, fold bool) *trieNode[V] {
	if len(s.pieces) > 1 || fold && len(s.pieces[0]) > maxFolded {
		if n.star == nil {
			n.star = &trieNode[V]{}
		}
		return n.star
	}
	key := s.pieces[0]
	if fold {
		low := []byte(key)
		for i := range low {
			low[i] = lower(low[i])
		}
		key = string(low)
	}
	if n.kids == nil {
		n.kids = map[string]*trieNode[V]{}
	}
	if n.kids[key] == nil {
		n.kids[key] = &trieNode[V]{}
	}
	return n.kids[key]
}

// Len is how many times something was filed.
func (t *Trie[V]) Len() int { return t.size }

// Each hands the values to f whose pattern may match a path, a list at a time, each
// in the order in which it was filed.
func (t *Trie[V]) Each(path string, f func([]V)) {
	path = trimPath(path)
	t.walk(&t.root, path, path != "", f)
}

func (t *Trie[V]) walk(n *trieNode[V], rest string, more bool, f func([]V)) {
	if len(n.rest) > 0 {
		f(n.rest)
	}
	if !more {
		if len(n.end) > 0 {
			f(n.end)
		}
		return
	}
	head, tail, cut := Glob{sep: '/'}.cut(rest)
	if kid := t.kid(n, head); kid != nil {
		t.walk(kid, tail, cut, f)
	}
	if n.star != nil {
		t.walk(n.star, tail, cut, f)
	}
}

// kid finds the node behind a segment of a path.
func (t *Trie[V]) kid(n *trieNode[V], head string) *trieNode[V] {
	if !t.fold || len(n.kids) == 0 {
		return n.kids[head]
	}
	if len(head) > maxFolded {
		return nil
	}
	var low [maxFolded]byte
	for i := range len(head) {
		low[i] = lower(head[i])
	}
	return n.kids[string(low[:len(head)])]
}
