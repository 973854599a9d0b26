// Package edit changes a configuration one block at a time, in its files and
// with everything else in them kept byte for byte. It can speak of policy blocks
// only, takes what users chose as values and never as syntax, and writes nothing
// that does not load with all its tests passing. Who may change what is decided
// by its caller, whom it tells which changes are guarded.
package edit

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/edit/block"

	"github.com/hashicorp/hcl/v2/hclwrite"
)

// A Refusal is an edit that is not made, for a reason that its author can mend.
type Refusal struct {
	Status int // of HTTP, that tells it
	Err    error
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// HTTPStatus is the status that tells the refusal.
func (r *Refusal) HTTPStatus() int { return r.Status }

func refuse(format string, args ...any) error {
	return &Refusal{Status: http.StatusBadRequest, Err: fmt.Errorf(format, args...)}
}

func missing(format string, args ...any) error {
	return &Refusal{Status: http.StatusNotFound, Err: fmt.Errorf(format, args...)}
}

func conflict(format string, args ...any) error {
	return &Refusal{Status: http.StatusConflict, Err: fmt.Errorf(format, args...)}
}

// errTorn means that an edit would have changed more than it says. It is never
// the author's fault.
var errTorn = errors.New("the edit would change what it does not name, so it is not made")

// apply makes one edit.
func (t *Texts) apply(e action.Edit) (*Texts, action.Placement, error) {
	none := action.Placement{}
	kind, err := ParseKind(e.Kind)
	if err != nil {
		return nil, none, err
	}
	if e.Name == "" {
		return nil, none, refuse("name the %s", kind)
	}
	all, diags := t.blocks()
	if diags.HasErrors() {
		return nil, none, conflict("the files hold an error, so no block can be told from another: %s", diags[0].Error())
	}
	at := slices.IndexFunc(all, func(s stood) bool { return s.kind == kind.word && s.name == e.Name })
	switch {
	case at >= 0 && all[at].host:
		return nil, none, refuse("%s has a source, so only somebody with a shell on the host changes it", all[at].title())
	case e.Op == "add" && at >= 0:
		return nil, none, conflict("%s is there already, in %s", all[at].title(), all[at].file)
	case (e.Op == "replace" || e.Op == "remove") && at < 0:
		return nil, none, missing("there is no %s", title(kind.word, e.Name))
	case e.Op == "remove":
		return t.remove(all[at])
	case e.Op != "add" && e.Op != "replace" && e.Op != "put":
		return nil, none, refuse("%q is no edit; there are add, replace, put and remove", e.Op)
	case at >= 0:
		return t.replace(all[at], e)
	}
	return t.add(all, kind, e)
}

// content gives the text of the block that an edit is about; old is what stands
// there, nil if nothing does.
func content(kind Kind, e action.Edit, old []byte) ([]byte, error) {
	var text []byte
	var err error
	switch {
	case e.HCL != "" && e.Block != nil:
		return nil, refuse("an edit holds hcl or a block, not both")
	case e.HCL != "":
		text, err = []byte(strings.TrimSpace(e.HCL)), valid("the block", e.HCL)
	case old != nil:
		text, err = block.Rewrite(old, e.Block)
	default:
		text, err = block.Write(kind.word, e.Name, e.Block)
	}
	if err != nil {
		return nil, refuse("%s: %w", title(kind.word, e.Name), err)
	}
	text = []byte(strings.TrimSpace(string(hclwrite.Format(append(text, '\n')))))
	list, diags := scan("the block", string(text))
	switch {
	case diags.HasErrors():
		return nil, refuse("the block is no HCL: %s", diags[0].Error())
	case len(list) != 1 || list[0].kind != kind.word || list[0].name != e.Name:
		return nil, refuse("the edit must hold one block, %s, and holds %s", title(kind.word, e.Name), names(list))
	case list[0].host:
		return nil, refuse("%s would have a source, which only somebody with a shell on the host gives it", list[0].title())
	case strings.TrimSpace(string(text[list[0].end:])) != "":
		return nil, refuse("something stands behind %s", list[0].title())
	}
	return text, nil
}

func names(list []stood) string {
	if len(list) == 0 {
		return "none"
	}
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = s.title()
	}
	return strings.Join(words, ", ")
}

// replace puts a block in the place of one.
func (t *Texts) replace(s stood, e action.Edit) (*Texts, action.Placement, error) {
	var old []byte
	if e.Block != nil || e.HCL == "" {
		old = []byte(s.text(t))
	}
	text, err := content(Kind{s.kind}, e, old)
	if err != nil {
		return nil, action.Placement{}, err
	}
	from := s.start
	if lone, _ := scan("the block", string(text)); len(lone) == 1 && lone[0].start > 0 {
		from = s.lead // it brings comments of its own
	}
	return t.splice(s.file, from, s.end, string(text), "", action.Placement{Op: "replace", Kind: s.kind, Name: s.name})
}

// remove takes a block out, with the comments right above it and one of the empty
// lines around it.
func (t *Texts) remove(s stood) (*Texts, action.Placement, error) {
	text := t.files[s.file]
	from, to := s.lead, s.over
	blankAbove := from == 0 || strings.HasSuffix(text[:from], "\n\n") || strings.HasSuffix(text[:from], "\n\r\n")
	switch {
	case blankAbove && strings.HasPrefix(text[to:], "\r\n"):
		to += 2
	case blankAbove && strings.HasPrefix(text[to:], "\n"):
		to++
	case to == len(text) && strings.HasSuffix(text[:from], "\n\r\n"):
		from -= 2
	case to == len(text) && strings.HasSuffix(text[:from], "\n\n"):
		from--
	}
	return t.splice(s.file, from, to, "", "", action.Placement{Op: "remove", Kind: s.kind, Name: s.name})
}

// add puts a block behind its kin.
func (t *Texts) add(all []stood, kind Kind, e action.Edit) (*Texts, action.Placement, error) {
	text, err := content(kind, e, nil)
	if err != nil {
		return nil, action.Placement{}, err
	}
	file := e.File
	if file == "" {
		file = t.home(all, kind)
	}
	at := len(t.files[file])
	for _, s := range all {
		if s.file == file && s.kind == kind.word {
			at = s.over // behind the last of its kind
		}
	}
	before := t.files[file][:at]
	lead, trail := "", "\n"
	if before != "" && !strings.HasSuffix(before, "\n") {
		lead = "\n"
	}
	if before != "" && !strings.HasSuffix(before, "\n\n") && !strings.HasSuffix(before, "\n\r\n") {
		lead += "\n"
	}
	if rest := t.files[file][at:]; rest != "" && rest[0] != '\n' && !strings.HasPrefix(rest, "\r\n") {
		trail += "\n"
	}
	return t.splice(file, at, at, string(text)+trail, lead, action.Placement{Op: "add", Kind: kind.word, Name: e.Name})
}

// home is the file for a new block: the one that holds most blocks of its kind, or
// of the kind that is nearest to it.
func (t *Texts) home(all []stood, kind Kind) string {
	for _, word := range kind.near() {
		count := map[string]int{}
		best := ""
		for _, s := range all {
			if s.kind == word && t.fixed[s.file] == "" {
				count[s.file]++
				if best == "" || count[s.file] > count[best] {
					best = s.file
				}
			}
		}
		if best != "" {
			return best
		}
	}
	if names := t.Names(); len(names) > 0 {
		return names[0]
	}
	return "policy.hcl"
}

// splice puts text in the place of what stands from one byte to another, and sees
// to it that no other block has changed by it.
func (t *Texts) splice(file string, from, to int, text, lead string, p action.Placement) (*Texts, action.Placement, error) {
	old := t.files[file]
	if strings.Contains(old, "\r\n") {
		text, lead = strings.ReplaceAll(text, "\n", "\r\n"), strings.ReplaceAll(lead, "\n", "\r\n")
	}
	other, err := t.with(file, old[:from]+lead+text+old[to:], false)
	if err != nil {
		return nil, p, err
	}
	p.File = file
	if p.Line, err = intact(t.look(file), other.look(file), old, other.files[file], p); err != nil {
		return nil, p, err
	}
	return other, p, nil
}

// intact checks that an edit changed the block that it names and nothing else. It
// gives the line of that block.
func intact(was, is seen, old, now string, p action.Placement) (int, error) {
	if is.diags.HasErrors() {
		return 0, fmt.Errorf("%w: %s", errTorn, is.diags[0].Error())
	}
	mine, at := 0, 0
	others := func(list []stood, text string) []string {
		var out []string
		for _, s := range list {
			if s.kind == p.Kind && s.name == p.Name {
				mine, at = mine+1, line(text, s.start)
				continue
			}
			out = append(out, s.kind+" "+s.name+" "+text[s.lead:s.end])
		}
		return out
	}
	before := others(was.list, old)
	mine, at = 0, 0
	after := others(is.list, now)
	want := 1
	if p.Op == "remove" {
		want = 0
	}
	if mine != want || !slices.Equal(before, after) {
		return 0, errTorn
	}
	return at, nil
}
