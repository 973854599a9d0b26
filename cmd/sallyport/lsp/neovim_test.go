package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/protocols/http"
)

// child makes this program the language server that an editor starts.
const child = "SALLYPORT_TEST_LANGUAGE_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(child) == "" {
		os.Exit(m.Run())
	}
	cmd := Command(&cli.Env{}, policy.Options{Tables: []action.FactTable{http.Facts()}}, "test")
	cmd.Flags().String("config", "", "")
	cmd.SetArgs([]string{})
	if err := cmd.ExecuteContext(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const rest = `service "shop" {
  hosts = ["shop.example.com"]
}

role "everyone" {
  use = [service.shop]
}
`

// script is what somebody does in Neovim: open a file with an error, mend it, ask
// for a proposal, look a name up, have the file formatted.
const script = `
local out = {}
local dir = os.getenv("SALLYPORT_TEST_DIR")
vim.cmd("edit " .. dir .. "/rules.hcl")
local id
vim.wait(60000, function()
  for _, client in pairs(vim.lsp.buf_get_clients(0)) do
    id = client.id
  end
  return id ~= nil
end, 20)

local function found(n)
  return vim.wait(60000, function() return #vim.diagnostic.get(0) == n end, 20)
end
local function messages()
  local list = {}
  for _, d in ipairs(vim.diagnostic.get(0)) do
    table.insert(list, string.format("%d:%d-%d:%d %s", d.lnum, d.col, d.end_lnum, d.end_col, d.message))
  end
  return list
end
local function ask(method, line, col)
  local params = { textDocument = vim.lsp.util.make_text_document_params(0), position = { line = line, character = col } }
  local answers = vim.lsp.buf_request_sync(0, method, params, 60000)
  return answers and answers[id] and answers[id].result or vim.NIL
end

out.opened = found(1)
out.errors = messages()
vim.api.nvim_buf_set_lines(0, 1, 2, false, { "  on = [service.shop]" })
out.mended = found(0)
vim.api.nvim_buf_set_lines(0, 2, 2, false, { "  methods = [\"" })
out.completion = ask("textDocument/completion", 2, 14)
vim.api.nvim_buf_set_lines(0, 2, 3, false, { "  methods = [\"PUT\"]" })
out.hover = ask("textDocument/hover", 2, 5)
out.definition = ask("textDocument/definition", 1, 20)
out.clean = found(0)
if vim.lsp.buf.format then vim.lsp.buf.format({ timeout_ms = 60000 }) else vim.lsp.buf.formatting_sync(nil, 60000) end
out.text = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n")

local f = io.open(dir .. "/out.json", "w")
f:write(vim.fn.json_encode(out))
f:close()
vim.lsp.stop_client(id)
out.stopped = vim.wait(60000, function() return vim.lsp.client_is_stopped(id) end, 20)
vim.cmd(out.stopped and "qall!" or "cquit")
`

// page is what people are told to put into their editor.
const page = "../../../docs/editors.md"

// fence gives the block of a language that the page shows.
func fence(t *testing.T, language string) string {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "```"+language+"\n")
	text, _, closed := strings.Cut(rest, "```\n")
	if !ok || !closed {
		t.Fatalf("%s shows no %s", page, language)
	}
	return text
}

// TestNeovim has a stock Neovim use the language server, set up as the page says.
func TestNeovim(t *testing.T) {
	nvim, err := exec.LookPath("nvim")
	if err != nil {
		notrun.Skip(t, "nvim is not installed (neovim)")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	dir := filepath.Join(home, "sallyport")
	if err := os.MkdirAll(filepath.Join(home, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Symlink(self, filepath.Join(home, "bin", "sallyport"))); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"shop.hcl": rest, "script.lua": script, "init.lua": fence(t, "lua"),
		"rules.hcl": "rule \"größer\" {\n  on = [service.shp]\n  verdict = \"deny\"\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, nvim, "--headless", "-n", "-i", "NONE", "-u", filepath.Join(dir, "init.lua"), "-S", filepath.Join(dir, "script.lua"))
	cmd.Env = append(os.Environ(), child+"=1", "SALLYPORT_TEST_DIR="+dir, "HOME="+home, "XDG_STATE_HOME="+home, "XDG_CACHE_HOME="+home,
		"XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "PATH="+filepath.Join(home, "bin")+":"+os.Getenv("PATH"))
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	b, err := os.ReadFile(filepath.Join(dir, "out.json"))
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var got struct {
		Opened, Mended, Clean bool
		Errors                []string
		Completion            struct{ Items []struct{ Label string } }
		Hover                 struct{ Contents struct{ Value string } }
		Definition            struct{ URI string }
		Text                  string
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if !got.Opened || !got.Mended || !got.Clean || len(got.Errors) != 1 || !strings.HasPrefix(got.Errors[0], `1:8-1:19 Unknown service: No service is named "shp".`) {
		t.Errorf("diagnostics: %s", b)
	}
	if !slices.ContainsFunc(got.Completion.Items, func(i struct{ Label string }) bool { return i.Label == "DELETE" }) {
		t.Errorf("completion: %s", b)
	}
	if !strings.Contains(got.Hover.Contents.Value, "HTTP methods, in capitals.") || filepath.Base(got.Definition.URI) != "shop.hcl" {
		t.Errorf("hover and definition: %s", b)
	}
	if want := "rule \"größer\" {\n  on      = [service.shop]\n  methods = [\"PUT\"]\n  verdict = \"deny\"\n}"; got.Text != want {
		t.Errorf("formatted: %s", got.Text)
	}
}
