package edit

import (
	"maps"
	"slices"

	"sallyport.dev/sallyport/action"
)

// maxEdits bounds the edits of one draft.
const maxEdits = 200

// draft makes the texts that a draft comes to. of gives the files of a revision.
func (t *Texts) draft(d action.Draft, of func(number int) (map[string]string, error)) (*Texts, []action.Placement, error) {
	ways := 0
	for _, stated := range []bool{len(d.Edits) > 0, len(d.Files) > 0, d.Rollback != 0} {
		if stated {
			ways++
		}
	}
	switch {
	case ways != 1:
		return nil, nil, refuse("a draft holds edits, files or a revision to go back to: one of them")
	case len(d.Edits) > maxEdits:
		return nil, nil, refuse("a draft holds at most %d edits", maxEdits)
	case d.Rollback != 0:
		files, err := of(d.Rollback)
		if err != nil {
			return nil, nil, err
		}
		return t.back(files)
	case len(d.Files) > 0:
		other, err := t.rewritten(d.Files, nil)
		if err != nil {
			return nil, nil, err
		}
		return other, nil, sameHost(t, other)
	}
	now := t
	placed := make([]action.Placement, len(d.Edits))
	for i, e := range d.Edits {
		var err error
		if now, placed[i], err = now.apply(e); err != nil {
			return nil, nil, err
		}
	}
	return now, placed, nil
}

// rewritten gives the texts with whole files put in place, and those in gone away.
func (t *Texts) rewritten(files map[string]string, gone []string) (*Texts, error) {
	now := t
	var err error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := valid(name, files[name]); err != nil {
			return nil, err
		}
		if now, err = now.with(name, files[name], false); err != nil {
			return nil, err
		}
	}
	for _, name := range gone {
		if now, err = now.with(name, "", true); err != nil {
			return nil, err
		}
	}
	return now, nil
}

// sameHost checks that every host block is what it was, to the byte.
func sameHost(was, is *Texts) error {
	old, diags := was.blocks()
	if diags.HasErrors() {
		return conflict("the files hold an error, so the blocks of the host cannot be told from others; mend it on the host: %s", diags[0].Error())
	}
	now, diags := is.blocks()
	if diags.HasErrors() {
		return nil // the load says where, and takes nothing
	}
	before, after := hosts(was, old), hosts(is, now)
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if after[name] != before[name] {
			return refuse("%s is a block of the host: only somebody with a shell there changes it", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if _, ok := before[name]; !ok {
			return refuse("%s is a block of the host: only somebody with a shell there adds it", name)
		}
	}
	return nil
}

func hosts(t *Texts, list []stood) map[string]string {
	out := map[string]string{}
	for _, s := range list {
		if s.host {
			out[s.title()] += s.text(t) + "\x00"
		}
	}
	return out
}

// back gives the texts of a revision, byte for byte where the blocks of the host
// are still the same. Otherwise every policy block goes back to what it was and
// the rest of the files stays.
func (t *Texts) back(files map[string]string) (*Texts, []action.Placement, error) {
	var gone []string
	for _, name := range t.Names() {
		if _, stays := files[name]; !stays {
			gone = append(gone, name)
		}
	}
	whole, err := t.rewritten(files, gone)
	if err == nil {
		err = sameHost(t, whole)
	}
	if err == nil {
		return whole, nil, nil
	}
	then := &Texts{path: t.path, dir: t.dir, single: t.single, files: files}
	edits, err := between(t, then)
	if err != nil {
		return nil, nil, err
	}
	now := t
	placed := make([]action.Placement, len(edits))
	for i, e := range edits {
		if now, placed[i], err = now.apply(e); err != nil {
			return nil, nil, err
		}
	}
	return now, placed, nil
}

// between lists the edits that make the policy blocks of one the same as those of
// another.
func between(from, to *Texts) ([]action.Edit, error) {
	have, diags := from.blocks()
	want, more := to.blocks()
	if diags.HasErrors() || more.HasErrors() {
		return nil, conflict("one of the two holds an error, so their blocks cannot be compared")
	}
	var edits []action.Edit
	index := map[string]stood{}
	for _, s := range have {
		index[s.title()] = s
	}
	for _, s := range want {
		old, is := index[s.title()]
		delete(index, s.title())
		text := to.files[s.file][s.lead:s.end]
		if s.host || is && from.files[old.file][old.lead:old.end] == text {
			continue
		}
		e := action.Edit{Op: "put", Kind: s.kind, Name: s.name, HCL: text}
		if _, there := from.files[s.file]; there && !is {
			e.File = s.file
		}
		edits = append(edits, e)
	}
	for _, name := range slices.Sorted(maps.Keys(index)) {
		if s := index[name]; !s.host {
			edits = append(edits, action.Edit{Op: "remove", Kind: s.kind, Name: s.name})
		}
	}
	return edits, nil
}
