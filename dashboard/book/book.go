// Package book is the API of the configuration's text: its files and blocks, what
// a draft would do, taking it, and going back. Who asks is held against what the
// draft changes; what a draft means is for the Editor.
package book

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/pair"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/sight"
)

// An Editor changes the configuration and knows what it was.
type Editor interface {
	// Text gives the configuration as it stands in its files.
	Text(context.Context) (action.SourceText, error)
	// Preview says what a draft would do. It asks permit before it reads files that
	// the configuration does not read yet.
	Preview(ctx context.Context, d action.Draft, permit func([]action.Guarded) error) (action.Preview, error)
	// Apply takes a draft, unless permit, which is told what is guarded, says no.
	Apply(ctx context.Context, d action.Draft, by Author, permit func([]action.Guarded) error) (action.Revision, action.Preview, error)
	// Revisions lists revisions before a number, the newest first.
	Revisions(ctx context.Context, before, limit int) ([]action.Revision, error)
	// Revision gives one revision with its files.
	Revision(ctx context.Context, number int) (action.Revision, error)
}

// An Author is who changes the configuration, on what ground and why.
type Author struct {
	Name, Base, Note string
	Approved         string // the second person, where there is one
	BreakGlass       bool   // the host did alone what takes two
}

// A Book answers for one Editor.
type Book struct {
	Editor   Editor
	Replayer Replayer
	Aid      Aid
	Reader   Reader
	Veil     Veil  // for who may look and not edit
	Pair     *Pair // nil: one person is enough
}

// A Proposal is a draft to be taken.
type Proposal struct {
	action.Draft
	Note string `json:"note,omitempty"` // why, for the history
}

// A Content is what a block becomes: its text, or its values.
type Content struct {
	HCL   string        `json:"hcl,omitempty"`
	Block *action.Block `json:"block,omitempty"`
	File  string        `json:"file,omitempty"` // for a new block; "": where its kin are
	Note  string        `json:"note,omitempty"`
}

// A Text is what a file becomes.
type Text struct {
	Text string `json:"text"`
	Note string `json:"note,omitempty"`
}

// A Reason is why something is done.
type Reason struct {
	Note string `json:"note,omitempty"`
}

// A Taken draft is in force.
type Taken struct {
	Revision action.Revision `json:"revision"`
	Preview  action.Preview  `json:"preview"`
	// Waits: it is not in force, but a proposal that a second person must apply.
	Waits *pair.Proposal `json:"waits,omitempty"`
}

// ETag names the text that is in force now.
func (t Taken) ETag() string {
	if t.Waits != nil {
		return t.Waits.Base
	}
	return t.Revision.Revision
}

// A Standing block is one that is in force, and the revision it was read from.
type Standing struct {
	action.Declared
	Revision string `json:"revision"`
	// Block is it as values, where an edit may change it: what a form cannot show is
	// {"keep": text}, which leaves it as it stands.
	Block *action.Block `json:"block,omitempty"`
}

// ETag names the whole text, which an edit of the block changes.
func (s Standing) ETag() string { return s.Revision }

// Routes is the table of this part of the API. Whatever changes something names
// with If-Match the revision that it was made for: the ETag of what was read.
func (b *Book) Routes() route.Table {
	const at = "/api/v1/policy"
	return append(append(b.pairRoutes(at), b.aidRoutes(at)...), route.Table{
		{
			Method: "GET", Pattern: at, Right: route.Viewer, Do: route.Out(b.source),
			Doc: "The configuration as text: every file, and every block with where it stands. A key that somebody typed into it is shown to who may edit it only.",
		},
		{
			Method: "POST", Pattern: at + "/check", Right: route.Editor, Quiet: true, Do: route.Take(b.check),
			Doc: "Says what a draft would do: diff, placement, findings with their places, and what only an admin may take.",
		},
		{
			Method: "POST", Pattern: at + "/impact", Right: route.Editor, Quiet: true, Do: route.Take(b.impact),
			Doc:   "Judges what was recorded since then by a draft and by the rules in force, and lists the actions whose verdict differs. Without bodies=1 neither sees anything of a body.",
			Query: []string{sight.Param + " 1: judge what is recorded of bodies, too; it takes a fresh proof of who asks"}, WatchedWith: sight.Param,
		},
		{
			Method: "POST", Pattern: at + "/apply", Right: route.Editor, Do: route.Take(b.apply),
			Doc: "Takes a draft: it is checked and tested, written and in force, and a revision of the history.",
		},
		{
			Method: "GET", Pattern: at + "/blocks", Right: route.Viewer, Do: route.Out(b.blocks),
			Doc: "Every block, or those of the query's kind.",
		},
		{
			Method: "GET", Pattern: at + "/blocks/{kind}/{name}", Right: route.Viewer, Do: route.Out(b.block),
			Doc: "One block.",
		},
		{
			Method: "PUT", Pattern: at + "/blocks/{kind}/{name}", Right: route.Editor, Do: route.Take(b.putBlock),
			Doc: "Adds a block or replaces it.",
		},
		{
			Method: "DELETE", Pattern: at + "/blocks/{kind}/{name}", Right: route.Editor, Do: route.May(b.removeBlock),
			Doc: "Takes a block out.",
		},
		{
			Method: "GET", Pattern: at + "/files/{file}", Right: route.Viewer, Do: route.Out(b.file),
			Doc: "One file.",
		},
		{
			Method: "PUT", Pattern: at + "/files/{file}", Right: route.Editor, Do: route.Take(b.putFile),
			Doc: "Puts a whole file in place; the blocks of the host in it must stay as they are.",
		},
		{
			Method: "GET", Pattern: at + "/history", Right: route.Viewer, Do: route.Out(b.history),
			Doc: "What the configuration was: revisions before a number, newest first, without their files.",
		},
		{
			Method: "GET", Pattern: at + "/history/{number}", Right: route.Viewer, Do: route.Out(b.revision),
			Doc: "One revision with its files.",
		},
		{
			Method: "POST", Pattern: at + "/history/{number}/rollback", Right: route.Editor, Do: route.May(b.rollback),
			Doc: "Goes back to a revision; that is a revision of its own, through the same checks.",
		},
	}...)
}

func (b *Book) check(r *http.Request, d action.Draft) (action.Preview, error) {
	p, err := b.Editor.Preview(r.Context(), d, func(list []action.Guarded) error { return permit(r, list) })
	return p, told(err, nil)
}

func (b *Book) apply(r *http.Request, p Proposal) (Taken, error) { return b.take(r, p.Draft, p.Note) }

func (b *Book) blocks(r *http.Request) ([]action.Declared, error) {
	t, err := b.source(r)
	if err != nil {
		return nil, err
	}
	list := []action.Declared{}
	kind := r.URL.Query().Get("kind")
	for _, d := range t.Blocks {
		if kind == "" || d.Kind == kind {
			list = append(list, d)
		}
	}
	return list, nil
}

func (b *Book) block(r *http.Request) (Standing, error) {
	t, err := b.source(r)
	if err != nil {
		return Standing{}, err
	}
	kind, name := r.PathValue("kind"), r.PathValue("name")
	for _, d := range t.Blocks {
		if d.Kind == kind && d.Name == name {
			s := Standing{Declared: d, Revision: t.Revision}
			if !d.Host {
				s.Block, err = b.Reader.Values(d.HCL)
			}
			return s, told(err, nil)
		}
	}
	return Standing{}, route.NotFound("there is no %s %q", kind, name)
}

func (b *Book) putBlock(r *http.Request, c Content) (Taken, error) {
	return b.take(r, one(action.Edit{
		Op: "put", Kind: r.PathValue("kind"), Name: r.PathValue("name"), HCL: c.HCL, Block: c.Block, File: c.File,
	}), c.Note)
}

func (b *Book) removeBlock(r *http.Request, why Reason) (Taken, error) {
	return b.take(r, one(action.Edit{Op: "remove", Kind: r.PathValue("kind"), Name: r.PathValue("name")}), why.Note)
}

func one(e action.Edit) action.Draft { return action.Draft{Edits: []action.Edit{e}} }

func (b *Book) file(r *http.Request) (action.SourceFile, error) {
	t, err := b.source(r)
	if err != nil {
		return action.SourceFile{}, err
	}
	for _, f := range t.Files {
		if f.Name == r.PathValue("file") {
			return f, nil
		}
	}
	return action.SourceFile{}, route.NotFound("the configuration has no file %q", r.PathValue("file"))
}

func (b *Book) putFile(r *http.Request, t Text) (Taken, error) {
	return b.take(r, action.Draft{Files: map[string]string{r.PathValue("file"): t.Text}}, t.Note)
}

func (b *Book) history(r *http.Request) ([]action.Revision, error) {
	before, err := number(r.URL.Query().Get("before"), "before")
	if err != nil {
		return nil, err
	}
	limit, err := number(r.URL.Query().Get("limit"), "limit")
	if err != nil {
		return nil, err
	}
	list, err := b.Editor.Revisions(r.Context(), before, limit)
	b.past(r, list...)
	return list, told(err, nil)
}

// number reads a number of the query; "" is zero.
func number(text, name string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, route.BadRequest("%s=%q is no number from 1", name, text)
	}
	return n, nil
}

func (b *Book) revision(r *http.Request) (action.Revision, error) {
	n, err := number(r.PathValue("number"), "the revision")
	if err != nil {
		return action.Revision{}, err
	}
	rev := make([]action.Revision, 1)
	rev[0], err = b.Editor.Revision(r.Context(), n)
	b.past(r, rev...)
	return rev[0], told(err, nil)
}

func (b *Book) rollback(r *http.Request, why Reason) (Taken, error) {
	n, err := number(r.PathValue("number"), "the revision")
	if err != nil {
		return Taken{}, err
	}
	return b.take(r, action.Draft{Rollback: n}, why.Note)
}

// take has a draft taken on behalf of the caller.
func (b *Book) take(r *http.Request, d action.Draft, note string) (Taken, error) {
	tag := r.Header.Get("If-Match")
	if err := route.IfMatch(r, strings.Trim(tag, `"`)); err != nil {
		return Taken{}, err // none is stated, or what it says is no tag
	}
	by := Author{Name: route.Name(r), Base: strings.Trim(tag, `"`), Note: strings.TrimSpace(note)}
	c, _ := route.CallerOf(r.Context())
	if b.waits(c) {
		return b.propose(r, d, by)
	}
	by.BreakGlass = b.Pair != nil && b.Pair.Wanted()
	rev, p, err := b.Editor.Apply(r.Context(), d, by, func(list []action.Guarded) error { return permit(r, list) })
	if err != nil {
		return Taken{}, told(err, p)
	}
	noteTaken(r, rev)
	rev.Files = nil
	return Taken{Revision: rev, Preview: p}, nil
}

// noteTaken keeps in the audit which revision it became.
func noteTaken(r *http.Request, rev action.Revision) {
	route.Note(r, "revision", strconv.Itoa(rev.Number))
	route.Note(r, "note", rev.Note)
	if rev.BreakGlass {
		route.Note(r, "break_glass", "yes")
	}
}

// permit says whether the caller may make changes that are guarded: an admin, who
// has proved a moment ago who they are.
func permit(r *http.Request, list []action.Guarded) error {
	words := make([]string, len(list))
	for i, g := range list {
		words[i] = fmt.Sprintf("%s %q %s", g.Kind, g.Name, g.What)
	}
	route.Note(r, "guarded", strings.Join(words, "; "))
	c, _ := route.CallerOf(r.Context())
	if !c.Rights.Has(route.Admin) {
		return route.Forbidden("only an admin changes where a secret goes, who answers and which files are read: %s", strings.Join(words, "; "))
	}
	return route.Fresh(r)
}

// told makes a fault of an error that knows its status. data goes with it.
func told(err error, data any) error {
	var known interface {
		error
		HTTPStatus() int
	}
	if err == nil || !errors.As(err, &known) {
		return err
	}
	if known.HTTPStatus() == http.StatusPreconditionFailed {
		return route.Stale(err)
	}
	f := route.Fault{Status: known.HTTPStatus(), Err: err}
	if data != nil && f.Status == http.StatusUnprocessableEntity {
		return route.With(f, data)
	}
	return f
}
