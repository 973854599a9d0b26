//go:build e2e

package web

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/approval"
)

// A stop is one place that Tab comes to.
type stop struct {
	Name   string
	Ring   bool // one sees that it has the focus
	Shown  bool // it is in sight
	First  bool
	Editor bool
}

// byKeyboard goes through the main pages without a pointer: to each of them by its
// letters, through all that Tab comes to and round again, by the palette, and
// answers two asks.
func (s *site) byKeyboard(b *browser) {
	s.t.Helper()
	b.open(look{1440, 900, "light"})
	b.visit("/docs")
	b.see(".prose h1", "")
	for _, page := range []struct {
		key, heading string
		has          []string // among the stops
	}{
		{"h", "Home", nil},
		{"a", "Activity", []string{"input"}},
		{"p", "Approvals", []string{"inbox-item", "textarea"}},
		{"g", "Agents", []string{"Enrol an agent", "laptop"}},
		{"v", "Services", []string{"github"}},
		{"y", "Policy", []string{"Format", "Text of lab.hcl"}},
		{"o", "Usage", nil},
		{"t", "Settings", []string{"Verify the chain"}},
	} {
		b.press("g " + page.key)
		b.see("h1", page.heading)
		if page.key == "y" {
			b.see(".cm-content", "service")
		}
		b.until(`document.activeElement === document.querySelector('main') && !document.querySelector('main .skeleton')`)
		var walked struct {
			Stops []stop
			Round bool
		}
		b.do("walk", args{"most": 400}, &walked)
		if !walked.Round {
			s.t.Errorf("%s: Tab does not come round; it ends at %+v", page.heading, walked.Stops[max(0, len(walked.Stops)-3):])
		}
		for _, at := range walked.Stops {
			if !at.Ring || !at.Shown {
				s.t.Errorf("%s: nobody sees that %q has the focus: %+v", page.heading, at.Name, at)
			}
		}
		for _, name := range page.has {
			if !slices.ContainsFunc(walked.Stops, func(at stop) bool { return strings.Contains(at.Name, name) }) {
				s.t.Errorf("%s: Tab does not come to %q of %+v", page.heading, name, walked.Stops)
			}
		}
		// The letters are for pages, not for the field that the walk may have ended in.
		b.eval("document.activeElement.blur()", nil)
	}

	b.press("?")
	b.see(".dialog .keys", "Approvals")
	b.press("Tab")
	b.until(`!!document.activeElement.closest('[role=dialog]')`)
	b.press("Escape")
	b.gone(".dialog")
	s.returns(b)
	b.press("Control+k") // and on, before the palette is there
	b.do("type", args{"text": "approv"}, nil)
	b.see(".palette-item", "Approvals")
	b.press("Enter")
	b.see("h1", "Approvals")

	pending := func() []approval.Request {
		return slices.DeleteFunc(s.Desk.List(), func(r approval.Request) bool { return r.State != approval.Pending })
	}
	chosen := func() (id string) {
		b.eval(`new URLSearchParams(location.search).get('id') ?? ''`, &id)
		return id
	}
	had := len(pending())
	b.see(".inbox-item[aria-current=true]", "")
	b.press("j")
	b.until(`!!new URLSearchParams(location.search).get('id')`)
	second := chosen()
	b.press("k")
	b.until(`new URLSearchParams(location.search).get('id') !== ` + quoted(second))
	for _, key := range []string{"d", "a"} {
		id := chosen()
		b.see(".card-actions .main", "")
		b.press(key)
		deadline := time.Now().Add(time.Minute)
		for slices.ContainsFunc(pending(), func(r approval.Request) bool { return r.ID == id }) {
			if time.Now().After(deadline) {
				s.t.Fatalf("%s answers nothing", key)
			}
			b.until("true") // a turn of the page
		}
		b.until(`new URLSearchParams(location.search).get('id') !== ` + quoted(id))
	}
	if now := len(pending()); now != had-2 {
		s.t.Errorf("%d asks wait after two answers, of %d", now, had)
	}
}

// returns opens dialogs by keyboard, leaves them, and is where it was.
func (s *site) returns(b *browser) {
	s.t.Helper()
	b.press("g g")
	b.see("h1", "Agents")
	const freeze = "[...document.querySelectorAll('.page-tools button')].find((x) => x.textContent.includes('Freeze all'))"
	b.see(".page-tools button", "Freeze all")
	b.eval(freeze+".focus()", nil)
	b.press("Enter")
	b.see(".dialog", "Freeze every agent?")
	b.until(`document.activeElement.textContent === 'Cancel'`) // Enter does nothing that cannot be taken back
	b.press("Enter")
	b.gone(".dialog")
	b.until("document.activeElement === " + freeze)
	b.press("n")
	b.see(".dialog input", "")
	b.until(`document.activeElement === document.querySelector('.dialog input')`)
	b.press("Escape")
	b.gone(".dialog")
	b.until("document.activeElement === " + freeze)
	b.press("Control+k")
	b.do("type", args{"text": "usag"}, nil)
	b.see(".palette-item", "Usage")
	b.press("Escape")
	b.gone(".palette")
	b.until("document.activeElement === " + freeze)
}

func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// maxShift is how much of a page may move by itself while it loads (the bound of
// what Web Vitals calls good).
const maxShift = 0.1

// still fails if a page has moved by itself since it was opened.
func (b *browser) still(what string) {
	b.t.Helper()
	var shift struct {
		Score float64
		Moved []string
	}
	b.eval("window.__shift", &shift)
	if shift.Score >= maxShift {
		b.t.Errorf("%s: it moved by %.3f while it loaded: %s", what, shift.Score, strings.Join(shift.Moved, "; "))
	}
}
