package edit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/edit/disk"
	"sallyport.dev/sallyport/policy/edit/guard"
	"sallyport.dev/sallyport/policy/edit/history"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
)

// An Editor changes the configuration at Path. Every field is set before its
// first use; its methods may be called concurrently.
type Editor struct {
	Path    string
	Options policy.Options
	History *history.Log
	Exists  func(secret string) bool // reports whether a secret has a value
	Private []string                 // paths that no edit may read, besides those that blocks of the host name
	// Take puts a policy in force; it calls write when nothing else stands in the
	// way, and keeps the old one if that fails.
	Take func(ctx context.Context, p *policy.Policy, files *source.Files, write func() error) error
	Now  func() time.Time

	mu   sync.Mutex // one change at a time, and the history with it
	base loaded     // guarded by mu
}

// loaded is what texts come to.
type loaded struct {
	revision string
	conf     *hclconf.Config
	warnings map[string]bool
}

// A Change is a draft that somebody wants to be taken.
type Change struct {
	Draft action.Draft
	Base  string // revision that it was made for
	By    string
	Note  string
	// Approved and BreakGlass are what Revision says of them.
	Approved   string
	BreakGlass bool
	// Permit says no to changes that are guarded; nil permits all.
	Permit func([]action.Guarded) error
}

// maxNote bounds the note of a revision.
const maxNote = 2000

// errStale means that somebody was faster.
var errStale = errors.New("the configuration was changed meanwhile")

// Text gives the configuration as it stands in its files.
func (e *Editor) Text(ctx context.Context) (action.SourceText, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := Read(e.Path)
	if err != nil {
		return action.SourceText{}, err
	}
	out := action.SourceText{Revision: t.Revision(), Blocks: t.declared()}
	for _, name := range t.Names() {
		out.Files = append(out.Files, action.SourceFile{Name: name, Text: t.files[name], Fixed: t.fixed[name]})
	}
	last, open, err := e.History.Last(ctx)
	if err == nil && !open && last.Revision == out.Revision {
		out.Number = last.Number
	} else if err != nil && !errors.Is(err, history.ErrNone) {
		return out, err
	}
	return out, nil
}

// Preview says what a draft would do, and changes nothing. A draft that reads files
// which the configuration does not read yet is looked at only if permit, where it
// is not nil, says yes: messages show what they hold.
func (e *Editor) Preview(ctx context.Context, d action.Draft, permit func([]action.Guarded) error) (action.Preview, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	was, err := Read(e.Path)
	if err != nil {
		return action.Preview{}, err
	}
	w, err := e.work(ctx, was, d, permit)
	return w.preview, err
}

// Draft gives the rules as a draft would have them. A draft that does not load, or
// whose tests fail, is refused.
func (e *Editor) Draft(ctx context.Context, d action.Draft) (*policy.Policy, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	was, err := Read(e.Path)
	if err != nil {
		return nil, err
	}
	w, err := e.work(ctx, was, d, unread)
	if err == nil && w.policy == nil {
		err = &Refusal{Status: http.StatusUnprocessableEntity, Err: errors.New(failure(w.preview.Findings))}
	}
	return w.policy, err
}

// unread refuses files that the configuration does not read yet.
func unread(list []action.Guarded) error {
	return &Refusal{Status: http.StatusForbidden, Err: fmt.Errorf("the draft reads %s, which the configuration does not yet: check it instead", list[0].Name)}
}

// A work is a draft that was worked out.
type work struct {
	is      *Texts
	policy  *policy.Policy // nil: it does not load
	files   *source.Files
	preview action.Preview
}

// work finds out what a draft comes to.
func (e *Editor) work(ctx context.Context, was *Texts, d action.Draft, permit func([]action.Guarded) error) (work, error) {
	is, placed, err := was.draft(d, func(number int) (map[string]string, error) {
		r, err := e.History.Get(ctx, number)
		if errors.Is(err, history.ErrNone) {
			return nil, missing("%w", err)
		}
		return r.Files, err
	})
	if err != nil {
		return work{}, err
	}
	reads, err := newReads(was, is, e.Private)
	if err == nil && len(reads) > 0 && permit != nil {
		err = permit(reads)
	}
	if err != nil {
		return work{}, err
	}
	w := work{is: is}
	var diags hcl.Diagnostics
	w.policy, w.files, diags = e.load(was, is)
	base := e.loaded(was)
	p := action.Preview{
		OK: w.policy != nil, Base: was.Revision(), Revision: is.Revision(), Files: changed(was, is), Placed: placed,
	}
	if len(d.Edits) > 0 {
		p.Texts = make(map[string]string, len(p.Files))
		for _, name := range p.Files {
			p.Texts[name] = is.files[name]
		}
	}
	for _, d := range diags {
		f := is.Finding(d)
		f.New = d.Severity == hcl.DiagError || !base.warnings[d.Summary+"\x00"+d.Detail]
		p.Findings = append(p.Findings, f)
	}
	var after *hclconf.Config
	if w.policy != nil {
		after, p.Tests = w.policy.Config(), len(w.policy.Tests())
	}
	p.Guarded = slices.Concat(answerers(was, is), guard.Secrets(base.conf, after, e.Exists), reads)
	p.Diff = unified(was, is, p.Guarded)
	w.preview = p
	return w, nil
}

// load loads texts that are not in the files.
func (e *Editor) load(was, is *Texts) (*policy.Policy, *source.Files, hcl.Diagnostics) {
	o := e.Options
	o.Overlay = is.Overlay()
	for _, name := range was.Names() {
		if _, stays := is.files[name]; !stays {
			o.Overlay[was.file(name)] = nil
		}
	}
	p, files, diags := policy.Load(e.Path, o)
	for _, name := range is.Names() {
		if path := filepath.Clean(is.file(name)); p != nil && !slices.Contains(files.Paths(), path) { // a draft that nothing reads must not pass for one
			return nil, files, append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Cannot read the draft", Detail: path + " is no file of this configuration."})
		}
	}
	return p, files, diags
}

// loaded tells what the texts in force come to; it remembers the last ones.
func (e *Editor) loaded(t *Texts) loaded {
	if e.base.revision == t.Revision() {
		return e.base
	}
	b := loaded{revision: t.Revision(), warnings: map[string]bool{}}
	p, _, diags := e.load(t, t)
	if p != nil {
		b.conf = p.Config()
	}
	for _, d := range diags {
		b.warnings[d.Summary+"\x00"+d.Detail] = true
	}
	e.base = b
	return b
}

// Apply takes a draft: it is written, in force and in the history when Apply
// returns without an error. The Preview tells what was found, also when it is not
// taken.
func (e *Editor) Apply(ctx context.Context, c Change) (action.Revision, action.Preview, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	was, err := Read(e.Path)
	if err != nil {
		return action.Revision{}, action.Preview{}, err
	}
	if err := e.notice(ctx, was); err != nil {
		return action.Revision{}, action.Preview{}, err
	}
	if c.Base != was.Revision() {
		return action.Revision{}, action.Preview{}, e.stale(ctx)
	}
	w, err := e.work(ctx, was, c.Draft, c.Permit)
	if err != nil {
		return action.Revision{}, w.preview, err
	}
	if err := acceptable(w, c); err != nil {
		return action.Revision{}, w.preview, err
	}
	r := action.Revision{
		Revision: w.preview.Revision, Time: e.Now().UTC(), By: c.By, Origin: "edit", Note: c.Note,
		Approved: c.Approved, BreakGlass: c.BreakGlass,
		Changed: w.preview.Files, Diff: w.preview.Diff, Files: w.is.Files(),
	}
	if c.Draft.Rollback != 0 {
		r.Origin, r.To = "rollback", c.Draft.Rollback
	}
	return e.take(ctx, was, w, r)
}

// acceptable says why a draft is not taken.
func acceptable(w work, c Change) error {
	switch {
	case len(c.Note) > maxNote:
		return refuse("the note is longer than %d bytes", maxNote)
	case w.policy == nil:
		return &Refusal{Status: http.StatusUnprocessableEntity, Err: errors.New(failure(w.preview.Findings))}
	case len(w.preview.Files) == 0:
		return conflict("nothing would change")
	case len(w.preview.Guarded) > 0 && c.Permit != nil:
		return c.Permit(w.preview.Guarded)
	}
	return nil
}

// failure tells the errors of a draft in words.
func failure(list []action.Finding) string {
	var b strings.Builder
	b.WriteString("the configuration would not load")
	for _, f := range list {
		if f.Severity != "error" {
			continue
		}
		b.WriteString("\n")
		if f.Start != nil {
			fmt.Fprintf(&b, "%s:%d:%d: ", f.File, f.Start.Line, f.Start.Column)
		}
		b.WriteString(f.Summary + ": " + f.Detail)
	}
	return b.String()
}

// take writes a draft, puts it in force and keeps it.
func (e *Editor) take(ctx context.Context, was *Texts, w work, r action.Revision) (action.Revision, action.Preview, error) {
	ctx = context.WithoutCancel(ctx) // half an edit is none
	var err error
	if r.Number, err = e.History.Begin(ctx, r); err != nil {
		return action.Revision{}, w.preview, err
	}
	err = e.Take(ctx, w.policy, w.files, func() error {
		now, err := Read(e.Path)
		if err != nil {
			return err
		}
		if now.Revision() != was.Revision() {
			return e.stale(ctx)
		}
		return disk.Write(was.dir, steps(was, w.is), steps(w.is, was))
	})
	switch {
	case errors.Is(err, disk.ErrForeign):
		err = conflict("%w", err)
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		err = conflict("the gateway may not write its configuration, so it is changed on the host: %w", err)
	}
	if err != nil {
		return action.Revision{}, w.preview, errors.Join(err, e.History.Abandon(ctx))
	}
	if err := e.History.Commit(ctx); err != nil {
		return r, w.preview, fmt.Errorf("the edit is in force, and its revision could not be closed: %w", err)
	}
	return r, w.preview, nil
}

// steps lists what becomes of each file that differs.
func steps(was, is *Texts) []disk.Step {
	var list []disk.Step
	for _, name := range changed(was, is) {
		text, has := is.files[name]
		list = append(list, disk.Step{Name: name, Text: text, Gone: !has})
	}
	return list
}

// stale tells who was faster.
func (e *Editor) stale(ctx context.Context) error {
	err := errStale
	if last, open, lerr := e.History.Last(ctx); lerr == nil && !open {
		err = fmt.Errorf("%w: revision %d by %s; look at it and edit again", errStale, last.Number, last.By)
	}
	return &Refusal{Status: http.StatusPreconditionFailed, Err: err}
}

// Notice keeps what somebody on the host has made of the files as a revision of
// its own. It is called when the configuration has been read.
func (e *Editor) Notice(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := Read(e.Path)
	if err != nil {
		return err
	}
	return e.notice(ctx, t)
}

func (e *Editor) notice(ctx context.Context, t *Texts) error {
	last, open, err := e.History.Last(ctx)
	switch {
	case err != nil && !errors.Is(err, history.ErrNone):
		return err
	case open && last.Revision == t.Revision(): // written, and then the gateway ended
		return e.History.Commit(ctx)
	case open:
		if err := e.History.Abandon(ctx); err != nil {
			return err
		}
		return e.notice(ctx, t)
	case last.Revision == t.Revision():
		return nil
	}
	before := &Texts{files: last.Files}
	r := action.Revision{
		Revision: t.Revision(), Time: e.Now().UTC(), By: "host", Origin: "host",
		Changed: changed(before, t), Files: t.Files(),
	}
	if last.Number > 0 {
		r.Diff = unified(before, t, nil)
	}
	if _, err := e.History.Begin(ctx, r); err != nil {
		return err
	}
	return e.History.Commit(ctx)
}

// Revisions lists up to limit revisions before a number, the newest first.
func (e *Editor) Revisions(ctx context.Context, before, limit int) ([]action.Revision, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.History.List(ctx, before, limit)
}

// Revision gives one revision with its files.
func (e *Editor) Revision(ctx context.Context, number int) (action.Revision, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, err := e.History.Get(ctx, number)
	if errors.Is(err, history.ErrNone) {
		return r, missing("%w", err)
	}
	return r, err
}

// Find gives the block of a kind and name.
func Find(t action.SourceText, kind, name string) (action.Declared, bool) {
	i := slices.IndexFunc(t.Blocks, func(b action.Declared) bool { return b.Kind == kind && b.Name == name })
	if i < 0 {
		return action.Declared{}, false
	}
	return t.Blocks[i], true
}
