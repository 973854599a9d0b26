package action

import "time"

// A Draft is a change of a configuration that nobody has taken yet: Edits, or
// whole Files, or the revision to go back to; one of the three.
type Draft struct {
	Edits    []Edit            `json:"edits,omitempty"`    // applied in order
	Files    map[string]string `json:"files,omitempty"`    // whole texts, by the name of the file; host blocks stay as they are
	Rollback int               `json:"rollback,omitempty"` // number of the revision
}

// An Edit is a change of one policy block. What it holds is HCL, which is one
// block and nothing else, or Block.
type Edit struct {
	Op    string `json:"op"`   // "add", "replace", "remove", or "put": add or replace
	Kind  string `json:"kind"` // "service", "role", "rule", …
	Name  string `json:"name"`
	HCL   string `json:"hcl,omitempty"`
	Block *Block `json:"block,omitempty"`
	File  string `json:"file,omitempty"` // where a new block goes; "": where its kin are
}

// A Block is the inside of a block, as values. A string is a string, whatever it
// holds; what is no string, number, bool or list is an object with one key:
// {"ref": "service.github"}, {"expr": "http.size > 10"}, {"call": "bearer",
// "args": […]}, {"object": {…}}, or, for what stands there and stays as it does,
// {"keep": "its text"}.
type Block struct {
	Attributes map[string]any `json:"attributes,omitempty"`
	Blocks     []Inner        `json:"blocks,omitempty"`
}

// An Inner is a block inside a block.
type Inner struct {
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
	Block
}

// A Preview is what a draft would do.
type Preview struct {
	OK       bool     `json:"ok"`       // nothing stands in its way
	Base     string   `json:"base"`     // revision that it changes
	Revision string   `json:"revision"` // that it makes
	Diff     string   `json:"diff"`     // unified, what is guarded on top
	Files    []string `json:"files"`    // that change
	// Texts are these files as they would be, where the draft is edits: to go on with
	// by hand.
	Texts    map[string]string `json:"texts,omitempty"`
	Placed   []Placement       `json:"placed,omitempty"`
	Findings []Finding         `json:"findings,omitempty"`
	Guarded  []Guarded         `json:"guarded,omitempty"`
	Tests    int               `json:"tests"` // test blocks that passed
}

// A Placement says where a block of a draft stands.
type Placement struct {
	Op   string `json:"op"`
	Kind string `json:"kind"`
	Name string `json:"name"`
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // 0: it is gone
}

// A Finding is what is to be said about a configuration at one place.
type Finding struct {
	Severity string    `json:"severity"` // "error" or "warning"
	Summary  string    `json:"summary"`
	Detail   string    `json:"detail,omitempty"`
	File     string    `json:"file,omitempty"`
	New      bool      `json:"new,omitempty"` // what is in force does not have it
	Start    *Position `json:"start,omitempty"`
	End      *Position `json:"end,omitempty"`
}

// A Position is a place in a file. Line and Column begin at 1.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"` // in characters
	Offset int `json:"offset"` // in UTF-16 code units from the beginning of the file
}

// A Guarded change is one that only an admin makes: where an existing secret
// goes, or who answers.
type Guarded struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	What string `json:"what"` // in words, for people
}

// A Revision is a configuration as it was at one time.
type Revision struct {
	Number   int               `json:"number"`
	Revision string            `json:"revision"` // of the text; the same text has the same
	Time     time.Time         `json:"time"`
	By       string            `json:"by"`           // "host": somebody changed the files
	Origin   string            `json:"origin"`       // "edit", "rollback" or "host"
	To       int               `json:"to,omitempty"` // a rollback: the revision that it went back to
	Note     string            `json:"note,omitempty"`
	Changed  []string          `json:"changed"` // files
	Diff     string            `json:"diff,omitempty"`
	Files    map[string]string `json:"files,omitempty"`

	Approved   string `json:"approved_by,omitempty"` // the second person, where an edit takes two
	BreakGlass bool   `json:"break_glass,omitempty"` // the host did alone what takes two
}

// A Declared block is one that stands in the configuration in force.
type Declared struct {
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
	File string `json:"file"`
	Line int    `json:"line"`
	End  int    `json:"end"`            // last line
	Host bool   `json:"host,omitempty"` // only somebody on the host may change it
	HCL  string `json:"hcl"`            // with the comments above it
}

// A SourceFile is one file of the configuration.
type SourceFile struct {
	Name  string `json:"name"`
	Text  string `json:"text"`
	Fixed string `json:"fixed,omitempty"` // why no edit may change it
}

// A SourceText is the configuration as it stands in its files.
type SourceText struct {
	Revision string       `json:"revision"`
	Number   int          `json:"number"` // of that revision in the history
	Files    []SourceFile `json:"files"`
	Blocks   []Declared   `json:"blocks"`
}

// ETag names the text for those who change it.
func (t SourceText) ETag() string { return t.Revision }

// A Sketch is a draft that answers for good what somebody was asked: for an editor to
// look at, to change and to take. It opens nothing by itself.
type Sketch struct {
	Draft   Draft    `json:"draft"`             // without edits: there is none
	HCL     string   `json:"hcl,omitempty"`     // the blocks as they would stand
	Notes   []string `json:"notes,omitempty"`   // what whoever takes it should know
	Verdict string   `json:"verdict,omitempty"` // what the rules would come to with it
}

// Note adds something that whoever takes the sketch should know.
func (s *Sketch) Note(text string) { s.Notes = append(s.Notes, text) }
