package book

import (
	"net/http"
	"strconv"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/pair"
	"sallyport.dev/sallyport/dashboard/route"
)

// A Veil gives texts of a configuration with stars in the place of every key that
// somebody typed into one of them, and all else at its place.
type Veil func(texts map[string]string) map[string]string

// plain reports whether the caller reads the configuration as it is written: who may
// edit it would put the stars into it.
func plain(r *http.Request) bool {
	c, _ := route.CallerOf(r.Context())
	return c.Rights.Has(route.Editor)
}

// source gives the configuration as the caller may read it.
func (b *Book) source(r *http.Request) (action.SourceText, error) {
	t, err := b.Editor.Text(r.Context())
	if err != nil || plain(r) {
		return t, told(err, nil)
	}
	return b.under(t), nil
}

// under hides what was typed in files and in their blocks.
func (b *Book) under(t action.SourceText) action.SourceText {
	texts := make(map[string]string, len(t.Files)+len(t.Blocks))
	for _, f := range t.Files {
		texts["file "+f.Name] = f.Text
	}
	for i, d := range t.Blocks {
		texts["block "+strconv.Itoa(i)] = d.HCL
	}
	texts = b.Veil(texts)
	files, blocks := make([]action.SourceFile, len(t.Files)), make([]action.Declared, len(t.Blocks))
	for i, f := range t.Files {
		f.Text = texts["file "+f.Name]
		files[i] = f
	}
	for i, d := range t.Blocks {
		d.HCL = texts["block "+strconv.Itoa(i)]
		blocks[i] = d
	}
	t.Files, t.Blocks = files, blocks
	return t
}

// past hides in revisions what was typed in them. A diff may begin inside of a value:
// what was typed is known by the whole texts before and after. Without these there is
// no diff.
func (b *Book) past(r *http.Request, list ...action.Revision) {
	if plain(r) {
		return
	}
	for i := range list {
		texts := map[string]string{"diff": list[i].Diff}
		for name, text := range list[i].Files {
			texts["file "+name] = text
		}
		for n := max(1, list[i].Number-1); n <= list[i].Number && texts["diff"] != ""; n++ {
			whole, err := b.Editor.Revision(r.Context(), n)
			if err != nil {
				texts["diff"] = ""
			}
			for name, text := range whole.Files {
				texts["at "+strconv.Itoa(n)+" "+name] = text
			}
		}
		texts = b.Veil(texts)
		list[i].Diff = texts["diff"]
		files := make(map[string]string, len(list[i].Files))
		for name := range list[i].Files {
			files[name] = texts["file "+name]
		}
		if list[i].Files != nil {
			list[i].Files = files
		}
	}
}

// drafts hides in proposals what was typed in them, or in what they change.
func (b *Book) drafts(r *http.Request, list []pair.Proposal) {
	if plain(r) {
		return
	}
	for i, p := range list {
		texts := map[string]string{"diff": p.Diff}
		for name, text := range p.Touches {
			texts["was "+name] = text
		}
		for name, text := range p.Draft.Files {
			texts["file "+name] = text
		}
		for n, e := range p.Draft.Edits {
			texts["edit "+strconv.Itoa(n)] = e.HCL
		}
		list[i].Diff = b.Veil(texts)["diff"]
	}
}
