package book

import (
	"context"
	"net/http"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/route"
)

// An Aid helps whoever writes the configuration by hand.
type Aid interface {
	// Format gives a file in its canonical layout; what is the host's stays as it is.
	Format(name, text string) (string, error)
	// Complete gives what may stand at a place of a draft.
	Complete(ctx context.Context, p Place) (Completion, error)
}

// A Reader takes the text of a block apart.
type Reader interface {
	// Values gives a block as an edit by values would write it the same way.
	Values(hcl string) (*action.Block, error)
}

// Sheets are files of a draft by name.
type Sheets struct {
	Files map[string]string `json:"files"`
}

// A Place is where somebody writes in a draft.
type Place struct {
	Sheets        // what differs from the files in force
	File   string `json:"file"`
	Line   int    `json:"line"`   // from 0
	Column int    `json:"column"` // from 0, in UTF-16 code units
}

// A Completion is what may stand at a place.
type Completion struct {
	Before int        `json:"before"` // UTF-16 code units before the place that an item replaces
	Items  []Proposed `json:"items"`
}

// Proposed is one thing that may stand there.
type Proposed struct {
	Label  string `json:"label"`
	Kind   string `json:"kind"` // attribute, block, function, fact, reference or word
	Detail string `json:"detail,omitempty"`
	Doc    string `json:"doc,omitempty"`
	Insert string `json:"insert"` // $0 and ${1:name} are places to fill in
}

func (b *Book) aidRoutes(at string) route.Table {
	return route.Table{
		{
			Method: "POST", Pattern: at + "/format", Right: route.Editor, Quiet: true, Do: route.Take(b.format),
			Doc: "Gives files of a draft in their canonical layout; blocks of the host stay as they are.",
		},
		{
			Method: "POST", Pattern: at + "/complete", Right: route.Editor, Quiet: true, Do: route.Take(b.complete),
			Doc: "Gives what may stand at a place of a draft: what the language server proposes.",
		},
	}
}

func (b *Book) format(_ *http.Request, s Sheets) (Sheets, error) {
	out := Sheets{map[string]string{}}
	for name, text := range s.Files {
		laid, err := b.Aid.Format(name, text)
		if err != nil {
			return Sheets{}, told(err, nil)
		}
		out.Files[name] = laid
	}
	return out, nil
}

func (b *Book) complete(r *http.Request, p Place) (Completion, error) {
	c, err := b.Aid.Complete(r.Context(), p)
	return c, told(err, nil)
}
