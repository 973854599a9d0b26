package lsp

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/lsp/wire"
	"sallyport.dev/sallyport/protocols/http"
	"sallyport.dev/sallyport/protocols/postgres"
	"sallyport.dev/sallyport/protocols/postgres/sql"
)

// An editor talks to a server as one does.
type editor struct {
	t     *testing.T
	dir   string
	out   *io.PipeWriter
	in    *bufio.Reader
	next  int
	told  map[string][]diagnostic // by base name, the last word on each
	ended chan error
}

func options() policy.Options {
	return policy.Options{
		Tables: []action.FactTable{http.Facts(), postgres.Facts()},
		Trials: map[string]func(*action.Service, action.Trial) (*action.Action, error){"http": http.Trial, "postgres": postgres.Trial},
	}
}

// newEditor starts a server over a directory of files.
func newEditor(t *testing.T, files map[string]string) *editor {
	t.Helper()
	e := &editor{t: t, dir: t.TempDir(), told: map[string][]diagnostic{}, ended: make(chan error, 1)}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(e.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	theirs, ours := io.Pipe()
	back, answers := io.Pipe()
	e.out, e.in = ours, bufio.NewReader(back)
	watch := time.AfterFunc(3*time.Minute, func() { back.CloseWithError(errors.New("a test of an editor takes three minutes")) }) //nolint:errcheck // it gives none
	t.Cleanup(func() { watch.Stop() })
	s := &Server{Options: options()}
	go func() { e.ended <- s.Run(t.Context(), theirs, answers); answers.Close() }()
	return e
}

func (e *editor) start() {
	e.t.Helper()
	var got struct {
		Capabilities map[string]any `json:"capabilities"`
	}
	e.ask("initialize", map[string]any{"capabilities": map[string]any{"textDocument": map[string]any{"completion": map[string]any{"completionItem": map[string]any{"snippetSupport": true}}}}}, &got)
	if got.Capabilities["hoverProvider"] != true {
		e.t.Fatalf("%+v", got)
	}
	e.say("initialized", struct{}{})
}

func (e *editor) write(v any) {
	e.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(e.out, "Content-Length: %d\r\n\r\n%s", len(b), b); err != nil {
		e.t.Fatal(err)
	}
}

// read gives the next message that is not about diagnostics, which it notes.
func (e *editor) read() (m struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *wire.Error     `json:"error"`
},
) {
	e.t.Helper()
	head, err := textproto.NewReader(e.in).ReadMIMEHeader()
	if err != nil {
		e.t.Fatal(err)
	}
	n, err := strconv.Atoi(head.Get("Content-Length"))
	if err != nil {
		e.t.Fatal(err)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(e.in, b); err != nil {
		e.t.Fatal(err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		e.t.Fatalf("%v: %s", err, b)
	}
	if m.Method == "textDocument/publishDiagnostics" {
		var p struct {
			URI         string       `json:"uri"`
			Diagnostics []diagnostic `json:"diagnostics"`
		}
		if err := json.Unmarshal(m.Params, &p); err != nil {
			e.t.Fatal(err)
		}
		e.told[filepath.Base(p.URI)] = p.Diagnostics
	}
	return m
}

func (e *editor) say(method string, params any) {
	e.write(map[string]any{"jsonrpc": "2.0", "method": method, "params": params})
}

// ask waits for the answer and decodes it.
func (e *editor) ask(method string, params, into any) *wire.Error {
	e.t.Helper()
	e.next++
	e.write(map[string]any{"jsonrpc": "2.0", "id": e.next, "method": method, "params": params})
	for {
		m := e.read()
		if string(m.ID) != strconv.Itoa(e.next) {
			continue
		}
		if m.Error == nil && into != nil {
			if err := json.Unmarshal(m.Result, into); err != nil {
				e.t.Fatalf("%v: %s", err, m.Result)
			}
		}
		return m.Error
	}
}

func (e *editor) uri(name string) string { return uriOf(filepath.Join(e.dir, name)) }

func (e *editor) open(name, text string) {
	e.say("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": e.uri(name), "languageId": "hcl", "version": 1, "text": text}})
}

func (e *editor) change(name, text string) {
	e.say("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": e.uri(name), "version": 2}, "contentChanges": []any{map[string]any{"text": text}}})
}

// until reads what is told until it is what the test waits for.
func (e *editor) until(what string, holds func() bool) {
	e.t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(end) {
			e.t.Fatalf("never: %s; told %+v", what, e.told)
		}
		e.read()
	}
}

func (e *editor) at(text, mark string) map[string]any {
	e.t.Helper()
	i := strings.Index(text, mark)
	if i < 0 {
		e.t.Fatalf("no %q", mark)
	}
	return map[string]any{"textDocument": map[string]any{"uri": e.uri("a.hcl")}, "position": positionOf(text, i+len(mark))}
}

func (e *editor) stop() {
	e.t.Helper()
	e.ask("shutdown", nil, nil)
	if err := e.exit(); err != nil {
		e.t.Errorf("the server ended with %v", err)
	}
}

// exit says it, reads what is still said, and gives how the server ended.
func (e *editor) exit() error {
	e.say("exit", nil)
	if _, err := io.Copy(io.Discard, e.in); err != nil {
		return err
	}
	return <-e.ended
}

const rest = `service "github" {}

service "shop" {
  hosts = ["shop.example.com"]
  auth  = bearer(secret.shop)
}

role "everyone" {
  use = [service.github, service.shop]
}

rule "no deletions" {
  on      = [service.github]
  methods = ["DELETE"]
  verdict = "deny"
}
`

func TestDiagnosticsAsYouType(t *testing.T) {
	e := newEditor(t, map[string]string{"b.hcl": rest, "a.hcl": "# on disk\n"})
	e.start()
	const bad = "# größer 😀\nrule \"x\" {\n  on      = [service.shp] # 😀\n  verdict = \"dney\"\n}\n"
	e.open("a.hcl", bad)
	e.until("two errors", func() bool { return len(e.told["a.hcl"]) == 2 })
	d := e.told["a.hcl"][0]
	if d.Range != (span{position{2, 13}, position{2, 24}}) || d.Severity != 1 || !strings.Contains(d.Message, `Did you mean "shop"?`) {
		t.Errorf("%+v", d)
	}
	if len(e.told["b.hcl"]) != 0 {
		t.Errorf("of the other file: %+v", e.told["b.hcl"])
	}
	e.change("a.hcl", "rule \"no deletions\" {\n  on = [service.shop]\n  verdict = \"deny\"\n}\n")
	e.until("it stands twice, in the file that is not open", func() bool {
		return len(e.told["a.hcl"]) == 0 && len(e.told["b.hcl"]) == 1 && strings.Contains(e.told["b.hcl"][0].Message, "Stated twice")
	})
	e.change("a.hcl", "rule \"half")
	e.until("a syntax error", func() bool { return len(e.told["a.hcl"]) > 0 && len(e.told["b.hcl"]) == 0 })
	e.change("a.hcl", "test \"t\" {\n  role    = role.everyone\n  service = service.shop\n  request = \"GET /\"\n  expect  = \"deny\"\n}\n")
	e.until("a test that fails", func() bool {
		return len(e.told["a.hcl"]) == 1 && strings.Contains(e.told["a.hcl"][0].Message, "expects deny and got allow")
	})
	e.change("a.hcl", "service \"idle\" {\n  hosts = [\"idle.example.com\"]\n}\n")
	e.until("a warning", func() bool { return len(e.told["a.hcl"]) == 1 && e.told["a.hcl"][0].Severity == 2 })
	e.say("textDocument/didClose", map[string]any{"textDocument": map[string]any{"uri": e.uri("a.hcl")}})
	e.until("nothing more", func() bool { return len(e.told["a.hcl"]) == 0 })
	e.stop()
}

// SQL that PostgreSQL would not read is underlined at the word that is wrong.
func TestDiagnosticsPointIntoSQL(t *testing.T) {
	if err := sql.Available(); err != nil {
		notrun.Skip(t, err.Error())
	}
	e := newEditor(t, nil)
	e.start()
	e.open("a.hcl", `service "db" {
  protocol = "postgres"
  hosts    = ["db.internal"]
  upstream = "10.4.0.12"
  auth     = password("a", secret.db)
}

role "r" {
  use = [service.db]
}

test "t" {
  role    = role.r
  service = service.db
  sql     = <<-Q
    SELECT 'ä', 1,
      FROM users
  Q
  expect  = "allow"
}
`)
	e.until("the test fails", func() bool {
		return len(e.told["a.hcl"]) == 1 && strings.Contains(e.told["a.hcl"][0].Message, `syntax error at or near "FROM" (line 2, column 3)`)
	})
	if d := e.told["a.hcl"][0]; d.Range != (span{position{16, 6}, position{16, 10}}) {
		t.Errorf("%+v", d)
	}
	e.stop()
}

// A directory whose first file is not saved yet.
func TestTheFirstFileOfADirectory(t *testing.T) {
	e := newEditor(t, nil)
	e.start()
	e.open("a.hcl", "rule \"x\" {\n}\n")
	e.until("errors", func() bool { return len(e.told["a.hcl"]) == 2 })
	e.change("a.hcl", rest)
	e.until("none", func() bool { return len(e.told["a.hcl"]) == 0 })
	e.stop()
}

// Each text has a ^ where somebody types; want are labels that must be proposed,
// and after ! those that must not.
func TestCompletion(t *testing.T) {
	e := newEditor(t, map[string]string{"b.hcl": rest, "c.hcl": "approver \"oncall\" {\n  members = [\"group:oncall\"]\n}\n"})
	e.start()
	e.open("a.hcl", "")
	for text, want := range map[string]string{
		"^":                                   "service role rule secret test gateway !hosts !when",
		"ser^":                                "service",
		"service \"gi^":                       "github openai !deny",
		"service \"x\" {\n  ^":                "hosts auth session operation posture !verdict",
		"service \"x\" {\n  session {\n    ^": "read_only max_rows !hosts",
		"service \"x\" {\n  auth = ^":         "bearer header basic query cookie password",
		"service \"x\" {\n  auth = bearer(^":  "secret.shop",
		"service \"x\" {\n  auth = bearer(secret.^":                 "secret.shop !bearer",
		"service \"x\" {\n  posture = \"^":                          "guarded locked open",
		"service \"x\" {\n  preset = \"^":                           "github stripe",
		"service \"x\" {\n  passthrough = ^":                        "true false",
		"service \"x\" {\n  operation \"y\" {\n    effect = \"^":    "read write destructive admin unknown",
		"service \"x\" {\n  operation \"y\" {\n    as = \"^":        "graphql git mcp jsonrpc llm",
		"rule \"x\" {\n  ^":                                         "on roles when unless verdict effects hours limit !hosts_",
		"rule \"x\" {\n  on = [^":                                   "service.github service.shop !role.everyone",
		"rule \"x\" {\n  on = [service.github, service.^]":          "service.github service.shop !secret.shop",
		"rule \"x\" {\n  roles = role.^\n  verdict = \"deny\"\n}\n": "role.everyone",
		"rule \"x\" {\n  effects = [\"read\", \"^\"]":               "read destructive",
		"rule \"x\" {\n  effects = [\"!^\"]":                        "!read",
		"rule \"x\" {\n  methods = [\"^":                            "GET DELETE PROPFIND",
		"rule \"x\" {\n  approvers = [^":                            "approver.oncall !service.shop",
		"judge \"x\" {\n  service = ^":                              "service.shop !role.everyone",
		"judge \"x\" {\n  may = \"^":                                "deny decide",
		"approver \"x\" {\n  notify = ^":                            "slack webhook",
		"gateway {\n  tailnet {\n    auth_key = ^":                  "secret.shop",
		"rule \"x\" {\n  verbs = [\"^":                              "select truncate",
		"rule \"x\" {\n  operations = [\"^":                         "git.refs",
		"rule \"x\" {\n  verdict = \"^":                             "allow ask deny",
		"rule \"x\" {\n  when = http.^":                             "http.method http.json agent.name startswith",
		"rule \"x\" {\n  unless = (\n    ^":                         "http.path contains",
		"role \"x\" {\n  use = ^":                                   "service.shop",
		"test \"x\" {\n  rule = \"^":                                "no deletions",
		"test \"x\" {\n  role = ^":                                  "role.everyone",
		"operators {\n  ^":                                          "admins viewers",
		"rule \"x\" {\n  reason = \"^":                              "",
		"nonsense {\n  ^":                                           "",
	} {
		at := strings.IndexByte(text, '^')
		plain := strings.Replace(text, "^", "", 1)
		e.change("a.hcl", plain)
		var got struct{ Items []item }
		if err := e.ask("textDocument/completion", e.at(plain, plain[:at]), &got); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		var labels []string
		for _, it := range got.Items {
			labels = append(labels, it.Label)
			if it.Edit == nil || it.Edit.NewText == "" {
				t.Errorf("%q: %s puts nothing in", text, it.Label)
			}
		}
		if want == "" && len(labels) > 0 {
			t.Errorf("%q proposes %q", text, labels)
		}
		for _, w := range strings.Fields(want) {
			if slices.Contains(labels, w) {
				continue
			}
			if not, ok := strings.CutPrefix(w, "!"); (!ok || slices.Contains(labels, not)) && !strings.Contains(want, "no deletions") {
				t.Errorf("%q: %q in %q", text, w, labels)
			}
		}
		if strings.Contains(want, "no deletions") && !slices.Contains(labels, "no deletions") {
			t.Errorf("%q: %q", text, labels)
		}
	}
	e.stop()
}

func TestHoverAndDefinition(t *testing.T) {
	e := newEditor(t, map[string]string{"b.hcl": rest})
	e.start()
	const text = `service "stripe" {
  posture = "locked"
  auth    = header("X-Key", secret.stripe)
}

rule "r" {
  on     = [service.shop, service.stripe]
  when   = startswith(http.path, "/x") && http.headers.x-tenant == null
  reason = "startswith"
}

test "t" {
  rule = "no deletions"
}
`
	e.open("a.hcl", text)
	for mark, want := range map[string]string{
		"serv":                  "**service**",
		`service "str`:          "Preset **stripe**",
		"postu":                 "What becomes of actions that no rule speaks about.",
		"= head":                "header(",
		"service.sh":            "hosts = [\"shop.example.com\"]",
		"startsw":               "startswith(text, prefix)",
		"(http.pa":              "**http.path**",
		"http.headers.x-ten":    "**http.headers.KEY**",
		"reason = \"startsw":    "",
		"&":                     "",
		"ru":                    "**rule**",
		"[service.shop, servic": "service \"stripe\" {",
	} {
		var got struct{ Contents markup }
		if err := e.ask("textDocument/hover", e.at(text, mark), &got); err != nil {
			t.Errorf("%s: %v", mark, err)
		}
		if !strings.Contains(got.Contents.Value, want) || want == "" && got.Contents.Value != "" {
			t.Errorf("%q: %q, want %q", mark, got.Contents.Value, want)
		}
	}
	for mark, want := range map[string]string{
		"[service.sh":      "b.hcl 2:9",
		", service.stri":   "a.hcl 0:9",
		"rule = \"no del":  "b.hcl 11:6",
		"postu":            "",
		"secret.stri":      "", // nothing declares it
		"reason = \"start": "",
	} {
		var got *struct {
			URI   string
			Range span
		}
		e.ask("textDocument/definition", e.at(text, mark), &got)
		words := ""
		if got != nil {
			words = fmt.Sprintf("%s %d:%d", filepath.Base(got.URI), got.Range.Start.Line, got.Range.Start.Character)
		}
		if words != want {
			t.Errorf("%q leads to %q, want %q", mark, words, want)
		}
	}
	var symbols []symbol
	e.ask("textDocument/documentSymbol", e.at(text, ""), &symbols)
	if len(symbols) != 3 || symbols[1].Name != "r" || symbols[1].Detail != "rule" || symbols[1].Range.End.Line != 9 {
		t.Errorf("symbols %+v", symbols)
	}
	e.stop()
}

func TestFormatting(t *testing.T) {
	e := newEditor(t, nil)
	e.start()
	e.open("a.hcl", "role \"ö\" {\nuse=[service.x]\n  members   = [\"*\"]\n}\n")
	var edits []textEdit
	e.ask("textDocument/formatting", e.at("", ""), &edits)
	if len(edits) != 1 || edits[0].NewText != "role \"ö\" {\n  use     = [service.x]\n  members = [\"*\"]\n}\n" || edits[0].Range.End != (position{4, 0}) {
		t.Errorf("%+v", edits)
	}
	e.change("a.hcl", "role \"x\" {\n")
	edits = nil
	e.ask("textDocument/formatting", e.at("", ""), &edits)
	if len(edits) != 0 {
		t.Errorf("what is no HCL became %+v", edits)
	}
	e.stop()
}

func TestAnEditorThatErrs(t *testing.T) {
	e := newEditor(t, nil)
	if err := e.ask("textDocument/hover", struct{}{}, nil); err == nil || err.Code != wire.NotInitialized {
		t.Errorf("before initialize: %v", err)
	}
	e.start()
	for method, want := range map[string]int{"workspace/symbol": wire.NoMethod, "textDocument/hover": wire.InvalidParams, "$/x": wire.NoMethod} {
		if err := e.ask(method, map[string]any{"textDocument": map[string]any{"uri": "http://x/y"}}, nil); err == nil || err.Code != want {
			t.Errorf("%s: %v", method, err)
		}
	}
	e.say("textDocument/didOpen", []int{1})
	e.say("$/cancelRequest", struct{}{})
	if _, err := io.WriteString(e.out, "Content-Length: 1\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	if m := e.read(); m.Error == nil || m.Error.Code != wire.ParseError {
		t.Errorf("%+v", m)
	}
	if err := e.exit(); !errors.Is(err, errUnasked) {
		t.Errorf("%v", err)
	}
}

// Incremental changes are taken too, by clients that send what was not asked for.
func TestPositions(t *testing.T) {
	d := &document{text: "a😀b\r\nö\n"}
	for at, p := range map[int]position{0: {0, 0}, 1: {0, 1}, 5: {0, 3}, 6: {0, 4}, 8: {1, 0}, 10: {1, 1}, 11: {2, 0}} {
		if got := positionOf(d.text, at); got != p {
			t.Errorf("byte %d: %+v, want %+v", at, got, p)
		}
		if got := d.offset(p); got != at {
			t.Errorf("%+v: byte %d, want %d", p, got, at)
		}
	}
	for p, at := range map[position]int{{0, 2}: 1, {0, 99}: 7, {9, 0}: 11, {-1, -1}: 0} {
		if got := d.offset(p); got != at {
			t.Errorf("%+v: byte %d, want %d", p, got, at)
		}
	}
}

// Whatever an editor says, the server answers or ends, and does not fall over.
func FuzzServer(f *testing.F) {
	f.Add("textDocument/completion", "rule \"x\" {\n  when = ", 1, 9)
	f.Add("textDocument/hover", "service \"github\" {}", 0, 3)
	f.Add("textDocument/definition", "role \"x\" {\n  use = service.x\n}", 1, 12)
	f.Add("textDocument/documentSymbol", "}}{{\"${", 0, 0)
	f.Add("textDocument/formatting", "a = [", 0, 0)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, method, text string, line, character int) {
		s := &Server{Options: options(), docs: map[string]*document{}, dirty: make(chan struct{}, 1), started: true, snippets: true}
		open, err := json.Marshal(map[string]any{"textDocument": map[string]any{"uri": uriOf(filepath.Join(dir, "a.hcl")), "text": text}})
		if err != nil {
			t.Skip()
		}
		s.call(&wire.Message{Method: "textDocument/didOpen", Params: open})
		where, err := json.Marshal(map[string]any{"textDocument": map[string]any{"uri": uriOf(filepath.Join(dir, "a.hcl"))}, "position": position{line % 1000, character}})
		if err != nil {
			t.Skip()
		}
		s.call(&wire.Message{ID: json.RawMessage("1"), Method: method, Params: where})
	})
}
