package node

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/book"
	"sallyport.dev/sallyport/internal/node/paper"
	"sallyport.dev/sallyport/internal/node/recorded"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/edit"
	"sallyport.dev/sallyport/policy/edit/block"
	"sallyport.dev/sallyport/policy/edit/history"
	"sallyport.dev/sallyport/policy/lsp"
	"sallyport.dev/sallyport/policy/sketch"
	"sallyport.dev/sallyport/vault"
)

// An author writes the configuration for the API.
type author struct{ *edit.Editor }

var (
	_ book.Editor = author{}
	_ book.Aid    = author{}
	_ book.Reader = author{}
)

// Apply takes a draft.
func (a author) Apply(ctx context.Context, d action.Draft, by book.Author, permit func([]action.Guarded) error) (action.Revision, action.Preview, error) {
	return a.Editor.Apply(ctx, edit.Change{Draft: d, Base: by.Base, By: by.Name, Note: by.Note, Approved: by.Approved, BreakGlass: by.BreakGlass, Permit: permit})
}

// Format gives a file in its canonical layout.
func (author) Format(name, text string) (string, error) { return edit.Layout(name, text) }

// Values gives a block as values.
func (author) Values(hcl string) (*action.Block, error) { return block.Read(hcl) }

// Complete gives what may stand at a place of a draft.
func (a author) Complete(ctx context.Context, p book.Place) (book.Completion, error) {
	t, err := a.Text(ctx)
	if err != nil {
		return book.Completion{}, err
	}
	texts := maps.Clone(p.Files)
	if texts == nil {
		texts = map[string]string{}
	}
	for _, f := range t.Files {
		if _, drafted := texts[f.Name]; !drafted {
			texts[f.Name] = f.Text
		}
	}
	before, list := lsp.Propose(texts, p.File, p.Line, p.Column, a.Options)
	c := book.Completion{Before: before, Items: []book.Proposed{}}
	for _, it := range list {
		c.Items = append(c.Items, book.Proposed(it))
	}
	return c, nil
}

// newBook makes the part of the API that changes the configuration, with what drafts
// edits from asks, and has every change by hand kept in its history.
func (n *Node) newBook(ctx context.Context) (*paper.Drafter, *book.Book) {
	e := &edit.Editor{
		Path: n.o.Config, Options: n.o.Build.Policy, History: &history.Log{Store: n.store}, Now: time.Now,
		Take: n.Rules.Take, Private: []string{n.Dir},
		Exists: func(name string) bool {
			return slices.ContainsFunc(n.Vault.List(), func(s vault.Info) bool { return s.Name == name })
		},
	}
	n.Rules.noticed = func(ctx context.Context) {
		if err := e.Notice(ctx); err != nil && ctx.Err() == nil {
			n.o.Log.Error("the configuration has changed and its history could not keep that", "err", err)
		}
	}
	n.Rules.noticed(ctx)
	drafter := &paper.Drafter{
		Desk: n.Desk, Current: n.Roster.Current,
		Sketcher: &sketch.Sketcher{Source: e, Rules: n.Rules.Current, Tables: n.o.Build.Policy.Tables},
	}
	return drafter, &book.Book{Veil: policy.VeiledText, Editor: author{e}, Aid: author{e}, Reader: author{e}, Replayer: recorded.New(recorded.Replayer{
		Draft: e.Draft, Current: n.Rules.Current, Export: n.Journal.Export, Tables: n.o.Build.Policy.Tables,
	})}
}

// Take puts in force what is written by write, in place of a Reload that would find
// it on disk. On an error the old rules stay.
func (b *Rulebook) Take(ctx context.Context, p *policy.Policy, files *policy.Files, write func() error) error {
	b.loading.Lock()
	defer b.loading.Unlock()
	if err := b.prepare(ctx, p); err != nil {
		return &edit.Refusal{Status: http.StatusConflict, Err: err}
	}
	if err := write(); err != nil {
		b.revert(ctx)
		return err
	}
	b.remember(files)
	b.live.Swap(p)
	b.note("")
	b.changed()
	b.o.Log.Info("configuration edited", "config", b.o.Config, "services", len(p.Services()), "rules", p.RuleCount())
	return nil
}

// revert makes ready again for the rules in force, which stay.
func (b *Rulebook) revert(ctx context.Context) {
	if err := b.prepare(ctx, b.Current()); err != nil {
		b.o.Log.Error("the rules in force cannot be made ready again", "err", err)
	}
}
