//go:build e2e

package web

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/internal/lab"

	"github.com/jackc/pgx/v5"
)

const permissive = `
gateway {
  wireguard {
    listen = ":0"
  }
  record {
    bodies = "16KiB"
  }
}

operators {
  admins = ["ana@acme.dev"]
}

service "api" {
  hosts = ["api.example.com"]
  tls   = { ca = file("upstreams.pem") }
}

service "db" {
  protocol  = "postgres"
  hosts     = ["db.example.com"]
  databases = ["postgres"]
  auth      = password("postgres", secret.db)
  tls       = { ca = file("upstreams.pem") }
}

service "llm" {
  hosts = ["llm.example.com"]
  tls   = { ca = file("upstreams.pem") }
  operation "chat" {
    match  = "POST /v1/chat/completions"
    effect = "read"
    as     = "llm"
  }
}

role "agents" { use = [service.api, service.db, service.llm] }

rule "posts are asked" {
  on      = [service.api]
  methods = ["POST"]
  verdict = "ask"
}

rule "all else is fine" {
  on      = [service.api]
  methods = ["GET", "PUT"]
  verdict = "allow"
}
`

// An agent puts 200 payloads into every field that is recorded: path, query, header
// names and values, user agent, content type, body, SQL text, a database user's
// name, an application's name, the status of its upstream, and the name of a model. Its
// upstream answers with them in fields, in trailers, as the type and in bodies of every
// kind that is recorded. Every page that shows a record shows them, and nothing of them
// runs or is even refused.
func TestT45_NothingThatAnAgentSaysRuns(t *testing.T) {
	payloads := corpus()
	if len(payloads) != 200 {
		t.Fatalf("%d payloads", len(payloads))
	}
	s := newSite(t, permissive)
	s.Secret("db", "upstream-password")
	s.HTTPS("api.example.com", http.HandlerFunc(hostile))
	s.Postgres("db.example.com")
	agent := s.Agent("mallory")
	s.spread(agent, payloads)
	s.spreadSQL(agent, payloads)
	records := s.Records("limit:10000", 2*len(payloads))
	if n := len(s.Records("kind:request limit:10000", 1)); n < len(payloads)*9/10 {
		t.Fatalf("only %d of %d requests are recorded", n, len(payloads))
	}
	s.spreadModels(agent, payloads)
	stop := s.spreadAsks(agent, payloads)
	defer stop()

	b := newBrowser(t, s.url)
	b.open(look{1440, 900, "light"})
	// The list, from its end to its beginning, and what stands in a tooltip.
	b.visit("/activity")
	b.see(".vrow", "")
	b.eval(`(async () => { const g = document.querySelector('.vgrid'); for (let y = 0; y < g.scrollHeight; y += 400) { g.scrollTop = y; await new Promise(requestAnimationFrame) } })()`, nil)
	b.clean("the list")
	// Every record by its own page, in all its parts. The page is kept; only what it
	// shows changes, as for an operator who walks the list.
	answers := 0
	for from := 0; from < len(records); from += 25 {
		var ids []string
		for _, r := range records[from:min(from+25, len(records))] {
			ids = append(ids, r.ID)
		}
		list, err := json.Marshal(ids)
		must(t, err)
		var shown int
		b.eval(fmt.Sprintf(walk, list), &shown)
		answers += shown
		b.clean(fmt.Sprintf("records %d to %d", from, from+len(ids)))
		if t.Failed() {
			return
		}
	}
	b.clean("the records")
	if answers < len(payloads)/2 {
		t.Errorf("only %d bodies of answers were shown", answers)
	}
	for _, page := range []string{
		"/sessions", "/sessions/" + records[0].Session, "/", "/approvals", "/agents/mallory", "/audit",
		"/usage?by=model&show=tokens", "/usage?by=" + url.QueryEscape(payloads[2]), "/actions/" + s.Records("service:llm limit:1", 1)[0].ID,
		"/activity?q=" + url.QueryEscape(payloads[2]), "/activity?sel=" + url.QueryEscape(payloads[2]), "/actions/" + url.PathEscape(payloads[2]),
		"/agents/" + url.PathEscape("<img src=x onerror="+run+">"), "/sessions/" + url.PathEscape(payloads[0]),
	} {
		b.visit(page)
		b.until(`!document.querySelector('.skeleton')`)
		b.clean(strings.SplitN(page, "?", 2)[0], "status of 404") // some of these are nowhere
	}
	b.visit("/sessions/" + s.Records("service:llm limit:1", 1)[0].Session + "?kind=model")
	b.click("button:has-text('Show prompts and answers')")
	b.see(".said.answer", "")
	if n := b.count(".said"); n < 2*len(payloads) {
		t.Errorf("only %d things are told that were said to models", n)
	}
	b.clean("what was said to models")
	for _, r := range s.Desk.List() {
		b.visit("/approvals?id=" + r.ID)
		b.see(".card", "")
		b.clean("an ask")
	}
	// What turns text around is shown, not done.
	turned := s.Records("limit:10000", 1)
	for i := range turned {
		if strings.Contains(turned[i].Summary, "\u202e") {
			b.visit("/actions/" + turned[i].ID)
			b.see("mark.ghost", "U+202E")
			return
		}
	}
}

// walk goes through records as an operator does who follows a list: the document
// stays, what it shows changes. Every fifth is looked at in all its parts, and what came
// back in all of them: it counts those.
const walk = `(async (ids) => {
  const frame = () => new Promise(requestAnimationFrame)
  const until = async (ok) => {
    for (let i = 0; i < 3600 && !ok(); i++) await frame()
    if (!ok()) throw new Error('not shown: ' + location.pathname + location.search)
  }
  let shown = 0
  for (const [i, id] of ids.entries()) {
    for (const tab of i %% 5 ? ['', 'record'] : ['', 'why', 'facts', 'record']) {
      history.pushState(null, '', '/actions/' + id + (tab && '?tab=' + tab))
      dispatchEvent(new PopStateEvent('popstate'))
      await until(() => document.querySelector('.page-head code')?.textContent === id && document.querySelector('.action [role=tabpanel][data-state=active]'))
      if (tab === 'why') await until(() => document.querySelector('.trace'))
      const reveal = () => [...document.querySelectorAll('.action button')].find((b) => b.textContent === 'Show the body')
      if (tab === '' && reveal()) {
        reveal().click()
        await until(() => !reveal())
        shown += document.querySelectorAll('[aria-label="what came back"]').length
      }
      await frame()
    }
  }
  return shown
})(%s)`

// hostile is an upstream that answers with the payload that it is asked for, wherever a
// record has something of an answer.
func hostile(w http.ResponseWriter, r *http.Request) {
	p := r.URL.Query().Get("p")
	var doc bytes.Buffer
	e := json.NewEncoder(&doc)
	e.SetEscapeHTML(false)
	e.Encode(map[string]any{p: p, "list": []string{p}}) //nolint:errcheck // a Buffer takes everything
	h := w.Header()
	h.Set("Trailer", "X-Late")
	h["X-Said"], h["Location"] = []string{p}, []string{"/?" + p} // net/http makes a line of it
	switch n := len(p); n % 6 {
	case 0, 1:
		h.Set("Content-Type", "application/json")
		w.Write(doc.Bytes()[:doc.Len()-n%6*2]) // or the beginning of it
	case 2:
		h.Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "event: %s\nid: %s\n: %s\ndata: %s\ndata: %s\n", p, p, p, &doc, p)
	case 3:
		h.Set("Content-Type", "text/plain")
		io.WriteString(w, p)
	case 4:
		h.Set("Content-Type", "text/html")
		io.WriteString(w, p)
	default:
		h["Content-Type"] = []string{p}
		io.WriteString(w, p)
	}
	h["X-Late"] = []string{p}
}

// spread has an agent put each payload into every field of a request.
func (s *site) spread(agent *lab.Agent, payloads []string) {
	s.t.Helper()
	for _, p := range payloads {
		s.raw(agent, "GET", p, "")
	}
}

// dial opens a connection of the agent to the API.
func (s *site) dial(agent *lab.Agent) net.Conn {
	s.t.Helper()
	conn, err := agent.DialContext(s.t.Context(), "tcp", "api.example.com:443")
	must(s.t, err)
	conf := agent.TLS("http/1.1")
	conf.ServerName = "api.example.com"
	return tls.Client(conn, conf)
}

// raw writes a request by hand, because no client writes such ones.
func (s *site) raw(agent *lab.Agent, method, p, body string) {
	conn := s.dial(agent)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute)) //nolint:errcheck // the read then fails
	field := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '.'
		}
		return r
	}, p)
	path := (&url.URL{Path: "/" + p, RawQuery: "p=" + url.QueryEscape(p) + "&" + url.QueryEscape(p) + "=1"}).RequestURI()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\nUser-Agent: %s\r\nX-Note: %s\r\nReferer: %s\r\nContent-Type: text/plain; x=%s\r\nContent-Length: %d\r\n\r\n%s",
		method, path, field, field, field, url.QueryEscape(p), len(body), body)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return // refused before it was a request
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body) //nolint:errcheck // what is recorded counts
}

// spreadSQL has an agent put each payload into a statement, a parameter and the name
// of an application.
func (s *site) spreadSQL(agent *lab.Agent, payloads []string) {
	s.t.Helper()
	ctx := s.t.Context()
	c, err := agent.PG(ctx, "postgres://x@db.example.com/postgres?sslmode=require&application_name="+url.QueryEscape(payloads[0]))
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close(ctx)
	for _, p := range payloads {
		p = strings.ReplaceAll(p, "\x00", "")
		c.Exec(ctx, "SELECT '"+strings.ReplaceAll(p, "'", "''")+"' AS \""+strings.ReplaceAll(p, `"`, `""`)+"\" -- "+strings.ReplaceAll(p, "\n", " "), pgx.QueryExecModeSimpleProtocol) //nolint:errcheck // some are refused
	}
}

// spreadModels has models answer that are called as the payloads.
func (s *site) spreadModels(agent *lab.Agent, payloads []string) {
	s.t.Helper()
	s.HTTPS("llm.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Messages []struct{ Content any }
		}
		if json.NewDecoder(r.Body).Decode(&asked) != nil || len(asked.Messages) == 0 {
			return
		}
		name, _ := asked.Messages[0].Content.(string)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{ //nolint:errcheck // the agent may be gone
			"object": "chat.completion", "model": name, "usage": map[string]int{"prompt_tokens": len(name), "completion_tokens": 1},
			"choices": []any{map[string]any{"message": map[string]any{"role": "assistant", "content": name}}},
		})
	}))
	c := agent.HTTP()
	for _, p := range payloads {
		body, err := json.Marshal(map[string]any{"model": "m", "messages": []any{
			map[string]any{"role": p, "content": p},
			map[string]any{"role": "assistant", "tool_calls": []any{map[string]any{"function": map[string]any{"name": p, "arguments": p}}}},
			map[string]any{"role": "user", "content": []any{map[string]any{"type": p}}},
		}})
		must(s.t, err)
		s.request(s.t.Context(), c, "POST", "https://llm.example.com/v1/chat/completions", string(body), "Content-Type", "application/json")
	}
	s.Records("service:llm limit:10000", len(payloads))
}

// waiting returns when so many asks wait.
func (s *site) waiting(n int) {
	s.t.Helper()
	late := time.After(time.Minute)
	for {
		changed := s.Desk.Changed()
		if len(s.Desk.List()) >= n {
			return
		}
		select {
		case <-changed:
		case <-late:
			s.t.Fatalf("%d asks wait, not %d; the log:\n%s", len(s.Desk.List()), n, s.Logs)
		}
	}
}

// spreadAsks has an agent ask with payloads in body and path.
func (s *site) spreadAsks(agent *lab.Agent, payloads []string) (stop func()) {
	s.t.Helper()
	var conns []net.Conn
	for i := range 8 {
		conn := s.dial(agent)
		conns = append(conns, conn)
		p := strings.Join(payloads[i*25:(i+1)*25], "\n")
		fmt.Fprintf(conn, "POST /ask/%d?p=%s HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			i, url.QueryEscape(payloads[i]), len(p), p)
		s.waiting(i + 1)
	}
	return func() {
		for _, c := range conns {
			c.Close()
		}
	}
}

// refuse answers every ask with a no until the test ends.
func (s *site) refuse() {
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	s.t.Cleanup(func() { stop(); done.Wait() })
	done.Go(func() {
		for {
			changed := s.Desk.Changed()
			for _, r := range s.Desk.List() {
				s.Desk.Answer(r.ID, false, action.Person{Name: "tester", Via: "admin.sock"}, "", approval.Scope{}) //nolint:errcheck // the agent may be gone
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	})
}

// An export as CSV has a cell for every field, and no cell that a spreadsheet runs.
func TestT49_NoCellIsAFormula(t *testing.T) {
	s := newSite(t, permissive)
	s.HTTPS("api.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	agent := s.Agent("mallory")
	s.refuse() // a method that nobody knows is asked
	for _, p := range []string{"=1+1", "+1", "-1", "@SUM(1)", "\t=1", "x,=1", "\"=1", "\n=1", "\uff1d1"} {
		s.raw(agent, "GET", p, "")
		s.raw(agent, p, p, "")
	}
	s.Records("limit:100", 9)
	b := newBrowser(t, s.url)
	b.open(look{1440, 900, "light"})
	b.visit("/activity")
	b.see(".vrow", "")
	b.click("button:has-text('Export')")
	b.see(".choices", "CSV")
	b.accessible("the export")
	var text string
	b.do("download", args{"at": ".choices button:has-text('CSV')"}, &text)
	cells, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	must(t, err)
	if len(cells) < 10 {
		t.Fatalf("%d lines:\n%s", len(cells), text)
	}
	for _, line := range cells {
		for _, cell := range line {
			if strings.ContainsRune("=+-@\t\r\n\uff1d", []rune(cell + " ")[0]) {
				t.Errorf("a spreadsheet runs %q", cell)
			}
		}
	}
	b.clean("the export")
}
