package edit

import (
	"slices"

	"sallyport.dev/sallyport/policy/hclconf/shape"
	"sallyport.dev/sallyport/policy/source"
)

// A Kind is a kind of policy block. Host blocks have none, so that no edit can
// speak of one.
type Kind struct{ word string }

func (k Kind) String() string { return k.word }

// ParseKind gives the kind that a word names.
func ParseKind(word string) (Kind, error) {
	s := shape.Language().Blocks[word]
	switch {
	case s == nil:
		return Kind{}, refuse("there is no kind of block %q.%s", word, source.DidYouMean(word, Kinds()))
	case s.Host:
		return Kind{}, refuse("%s is a block of the host: only somebody with a shell there changes it", word)
	}
	return Kind{word}, nil
}

// Kinds lists the kinds that can be edited, sorted.
func Kinds() []string {
	var list []string
	for word, s := range shape.Language().Blocks {
		if !s.Host {
			list = append(list, word)
		}
	}
	slices.Sort(list)
	return list
}

// near lists the kinds that people keep in one file with a kind, the nearest
// first.
func (k Kind) near() []string {
	list := []string{k.word}
	for _, group := range [][]string{
		{"service", "secret", "role"}, {"rule", "approver", "judge", "budget", "test"}, {"role", "rule"},
	} {
		if slices.Contains(group, k.word) {
			list = append(list, group...)
		}
	}
	return append(list, Kinds()...)
}
