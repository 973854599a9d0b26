package edit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"

	"github.com/aymanbagabas/go-udiff"
)

// changed lists the files that differ, sorted.
func changed(was, is *Texts) []string {
	all := map[string]string{}
	maps.Copy(all, was.files)
	maps.Copy(all, is.files)
	list := []string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		old, had := was.files[name]
		now, has := is.files[name]
		if had != has || old != now {
			list = append(list, name)
		}
	}
	return list
}

// unified tells the difference as a unified diff, with what is guarded above it.
func unified(was, is *Texts, guarded []action.Guarded) string {
	var b strings.Builder
	for _, g := range guarded {
		fmt.Fprintf(&b, "# guarded: %s %s\n", title(g.Kind, g.Name), g.What)
	}
	for _, name := range changed(was, is) {
		from, to := "a/"+name, "b/"+name
		if _, had := was.files[name]; !had {
			from = "/dev/null"
		}
		if _, has := is.files[name]; !has {
			to = "/dev/null"
		}
		b.WriteString(udiff.Unified(from, to, was.files[name], is.files[name]))
	}
	return b.String()
}
