//go:build e2e

package web

import (
	"fmt"
	"strings"

	"sallyport.dev/sallyport/internal/lab"
)

// converse has an agent ask a model three times in one conversation, as clients do: each
// time with all that was said before.
func (s *site) converse(a *lab.Agent) {
	s.t.Helper()
	said := []string{
		`{"role":"system","content":"You tidy up repositories."}`, `{"role":"user","content":"Which branches are stale?\u202e"}`,
		`{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"list_branches","arguments":"{\"repo\":\"shop\"}"}}]}`,
		`{"role":"tool","tool_call_id":"c1","content":"main, old-checkout"}`,
		`{"role":"user","content":"<img src=x onerror=alert(1)> Then delete it."}`,
	}
	for _, n := range []int{2, 4, 5} {
		body := fmt.Sprintf(`{"model":"gpt-5-nano","messages":[%s]}`, strings.Join(said[:n], ","))
		s.request(s.t.Context(), a.HTTP(), "POST", "https://models.example.com/v1/chat/completions", body, "Content-Type", "application/json")
	}
}

// told reads a session: what was said to models, each thing once, and the moments one by
// one by keys.
func (s *site) told(b *browser) {
	s.t.Helper()
	if b.count(".turn, .said") > 0 {
		s.t.Error("what was said is shown to somebody who did not ask for it")
	}
	b.click("button:has-text('Show prompts and answers')")
	b.see(".said", "You tidy up repositories.")
	b.see(".said .mono", "list_branches")
	b.see(".said.answer", "Done.")
	b.see(".said", "onerror=alert(1)")
	var times int
	b.eval(`[...document.querySelectorAll('.said')].filter((e) => e.textContent.includes('You tidy up repositories.')).length`, &times)
	if times != 1 {
		s.t.Errorf("the same words stand there %d times", times)
	}
	b.click("button:has-text('messages that the turn before had, too')")
	b.until(`[...document.querySelectorAll('.said')].filter((e) => e.textContent.includes('You tidy up repositories.')).length === 2`)
	at := func() (n int) { // the agent goes on, so that there may be more behind it
		b.eval("Number(document.querySelector('.scrub input').value)", &n)
		return n
	}
	b.press("k")
	b.see(".moment.now", "")
	first := at()
	b.press("k")
	b.until(fmt.Sprintf("Number(document.querySelector('.scrub input').value) === %d", first-1))
	b.press("j")
	b.until(fmt.Sprintf("Number(document.querySelector('.scrub input').value) === %d", first))
	b.press("k")
	b.until(fmt.Sprintf("Number(document.querySelector('.scrub input').value) === %d", first-1))
	var last bool
	b.eval("[...document.querySelectorAll('.timeline > .moment')].at(-1).matches('.now')", &last)
	if !last {
		s.t.Error("what came after the moment is shown")
	}
	b.press("Escape")
	b.gone(".moment.now")
	// It may be over before anybody looks.
	b.eval(`{
		const replayed = () => { window.__replayed ||= document.querySelector('.scrub button')?.textContent.includes('Pause') }
		new MutationObserver(replayed).observe(document.querySelector('main'), { childList: true, subtree: true, characterData: true })
	}`, nil)
	b.click(".scrub button:has-text('Replay')")
	b.until("window.__replayed")
	b.see(".moment.now", "")
	b.press("p")
	b.press("Escape")
	b.gone(".moment.now")
}

// documented looks a route up in the docs.
func (s *site) documented(b *browser) {
	s.t.Helper()
	b.visit("/docs/api?find=delete%20secrets%20admin")
	b.see(".routes", "DELETE")
	b.until("document.querySelectorAll('.routes > li').length === 1")
	b.see(".routes", "fresh proof")
	b.click(".route-head")
	b.see(".route-detail", "in the path")
	b.visit("/docs/api?find=put%20secrets")
	b.see(".routes", "PUT")
	b.click(".route-head")
	b.see(".route-detail pre", "value")
}

// uncovered finds no word of an example below its buttons.
func (s *site) uncovered(b *browser) {
	s.t.Helper()
	var covered int
	b.eval(`[...document.querySelectorAll('.prose .code-box')].filter((box) => {
		const tools = box.querySelector('.code-tools').getBoundingClientRect(), text = box.querySelector('pre').getBoundingClientRect()
		return tools.bottom > text.top + 1 && tools.top < text.bottom && innerWidth < 900
	}).length`, &covered)
	if covered > 0 {
		s.t.Errorf("the buttons of %d examples stand on what they say", covered)
	}
}
