// Package manual is the API of the documentation: its pages as they were written,
// what stands in them, and where a word stands. It renders nothing; the pages of
// the dashboard put every word into text.
package manual

import (
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode"

	"sallyport.dev/sallyport/dashboard/route"
)

// maxFound bounds how many sections a search gives.
const maxFound = 50

// A Page is one page of the documentation.
type Page struct {
	Name     string    `json:"name"` // of its file, without .md
	Title    string    `json:"title"`
	Sections []Section `json:"sections"`
}

// A Section is what stands below one heading.
type Section struct {
	Title  string `json:"title"`
	Anchor string `json:"anchor"` // "": the page's own beginning
	Level  int    `json:"level"`
	Says   string `json:"says,omitempty"` // where a word that was looked for stands
	text   string
}

// A Text is a page as it was written.
type Text struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Text  string `json:"text"` // Markdown
}

// A Manual is the documentation of one build. New makes one.
type Manual struct {
	files fs.FS
	pages []Page
	texts map[string]Text
}

// order is how somebody reads them; what is not listed comes last.
func order() []string {
	return []string{"agents", "configuration", "dashboard", "changing", "channels", "operations", "security", "reference", "editors", "performance", "bench"}
}

// New reads the documentation from files; nil is none.
func New(files fs.FS) (*Manual, error) {
	m := &Manual{files: files, texts: map[string]Text{}}
	if files == nil {
		return m, nil
	}
	names, err := fs.Glob(files, "*.md")
	if err != nil {
		return nil, fmt.Errorf("the documentation: %w", err)
	}
	for _, file := range names {
		b, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, fmt.Errorf("the documentation: %w", err)
		}
		p := Page{Name: strings.TrimSuffix(file, ".md"), Sections: sections(string(b))}
		if p.Title = p.Name; len(p.Sections) > 0 {
			p.Title = p.Sections[0].Title
		}
		m.pages = append(m.pages, p)
		m.texts[p.Name] = Text{p.Name, p.Title, string(b)}
	}
	rank := func(p Page) int {
		if i := slices.Index(order(), p.Name); i >= 0 {
			return i
		}
		return len(order())
	}
	slices.SortStableFunc(m.pages, func(a, b Page) int { return rank(a) - rank(b) })
	return m, nil
}

// Routes is the table of this part of the API.
func (m *Manual) Routes() route.Table {
	return route.Table{
		{
			Method: "GET", Pattern: "/api/v1/docs", Right: route.Viewer, Do: route.Out(m.list),
			Doc:   "The documentation of this version: its pages and what stands in them.",
			Query: []string{"q words that a section must hold"},
		},
		{
			Method: "GET", Pattern: "/api/v1/docs/{page}", Right: route.Viewer, Do: route.Out(m.page),
			Doc: "One page of the documentation, as Markdown.",
		},
		{
			Method: "GET", Pattern: "/api/v1/docs/img/{picture}", Right: route.Viewer, Do: route.Raw("image/png", m.picture),
			Doc: "One picture of the documentation.",
		},
	}
}

func (m *Manual) list(r *http.Request) ([]Page, error) {
	words := strings.Fields(strings.ToLower(r.URL.Query().Get("q")))
	if len(words) == 0 {
		return append([]Page{}, m.pages...), nil
	}
	found, left := []Page{}, maxFound
	for _, p := range m.pages {
		var hits []Section
		for _, s := range p.Sections {
			if says, ok := s.holds(words); ok && left > 0 {
				s.Says = says
				hits = append(hits, s)
				left--
			}
		}
		if len(hits) > 0 {
			p.Sections = hits
			found = append(found, p)
		}
	}
	return found, nil
}

// holds reports whether every word stands in a section, and gives the line where
// the first one does.
func (s Section) holds(words []string) (says string, ok bool) {
	whole := strings.ToLower(s.Title + "\n" + s.text)
	for _, w := range words {
		if !strings.Contains(whole, w) {
			return "", false
		}
	}
	for line := range strings.Lines(s.text) {
		if strings.Contains(strings.ToLower(line), words[0]) {
			return clip(strings.TrimSpace(line)), true
		}
	}
	return "", true
}

// clip cuts a line to what a list shows.
func clip(line string) string {
	const most = 160
	if r := []rune(line); len(r) > most {
		return string(r[:most]) + "…"
	}
	return line
}

func (m *Manual) page(r *http.Request) (Text, error) {
	t, ok := m.texts[r.PathValue("page")]
	if !ok {
		return Text{}, route.NotFound("the documentation has no page %q", r.PathValue("page"))
	}
	return t, nil
}

func (m *Manual) picture(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("picture")
	if m.files == nil || path.Ext(name) != ".png" || !fs.ValidPath(name) || strings.Contains(name, "/") {
		return route.NotFound("the documentation has no picture %q", name)
	}
	b, err := fs.ReadFile(m.files, "img/"+name)
	if err != nil {
		return route.NotFound("the documentation has no picture %q", name)
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(b) //nolint:errcheck // whoever asked has gone
	return nil
}

// sections takes a page apart at its headings, those in code aside.
func sections(text string) []Section {
	var list []Section
	code := false
	taken := map[string]int{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		level := len(line) - len(strings.TrimLeft(line, "#"))
		if !code && level >= 1 && level <= 4 && strings.HasPrefix(line[level:], " ") {
			title := strings.TrimSpace(line[level:])
			s := Section{Title: strings.ReplaceAll(title, "`", ""), Level: level}
			if len(list) > 0 {
				s.Anchor = anchor(title, taken)
			}
			list = append(list, s)
			continue
		}
		if len(list) > 0 {
			list[len(list)-1].text += line
		}
	}
	return list
}

// anchor makes the name by which a heading is linked to, as forges do: letters,
// digits and hyphens; one that is taken gets a number.
func anchor(title string, taken map[string]int) string {
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			b.WriteRune(r)
		case r == ' ':
			b.WriteByte('-')
		}
	}
	name := b.String()
	n := taken[name]
	taken[name]++
	if n > 0 {
		return fmt.Sprintf("%s-%d", name, n)
	}
	return name
}
