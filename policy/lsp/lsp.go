// Package lsp is a language server for configurations (LSP 3.17): what is wrong
// while somebody types, what may stand where, what it means, where it is said. All
// of it comes from the tables that the program itself reads a configuration by. It
// changes no file and talks to no gateway.
package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/lsp/wire"
)

// A Server serves one editor. The zero value knows no protocol's facts.
type Server struct {
	Options policy.Options
	Config  string // the configuration that files in its directory belong to; "": each directory is one
	Version string

	given map[string]string // every text there is, in place of what is open and on disk
	conn  *wire.Conn
	mu    sync.Mutex
	docs  map[string]*document // by path; guarded by mu
	// told are the files that something was said of, by configuration; only the
	// checker reads and writes it.
	told map[string]map[string]bool

	dirty    chan struct{} // something has changed since the last check
	snippets bool          // the editor fills places in
	started  bool
	ended    bool // it asked for the end
}

// errUnasked means that the editor left without a word.
var errUnasked = errors.New("the editor went away without asking for the end")

// Run serves until the editor says exit, or is gone, or ctx ends. It closes in if
// that can be closed, and returns when all that it started has stopped.
func (s *Server) Run(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if c, ok := in.(io.Closer); ok {
		stop := context.AfterFunc(ctx, func() { c.Close() })
		defer stop()
	}
	s.conn = wire.New(in, out)
	s.docs, s.told, s.dirty = map[string]*document{}, map[string]map[string]bool{}, make(chan struct{}, 1)
	var wg sync.WaitGroup
	failed := make(chan error, 1)
	wg.Go(func() {
		if err := s.checker(ctx); err != nil {
			failed <- err
			cancel()
		}
	})
	err := s.serve()
	cancel()
	wg.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return err
	}
}

// serve answers messages one after another.
func (s *Server) serve() error {
	for {
		m, err := s.conn.Read()
		switch {
		case errors.Is(err, wire.ErrContent):
			if err := s.conn.Answer(nil, nil, wire.Fail(wire.ParseError, "%v", err)); err != nil {
				return err
			}
			continue
		case errors.Is(err, io.EOF):
			if s.ended {
				return nil
			}
			return errUnasked
		case err != nil:
			return err
		case m.Method == "exit":
			if s.ended {
				return nil
			}
			return errUnasked
		case m.Method == "":
			continue // an answer; nothing was asked
		}
		result, fail := s.call(m)
		if !m.Request() {
			continue
		}
		if err := s.conn.Answer(m.ID, result, fail); err != nil {
			return err
		}
	}
}

// call does what one message says.
func (s *Server) call(m *wire.Message) (any, *wire.Error) {
	switch {
	case m.Method == "initialize":
		return s.initialize(m.Params)
	case !s.started:
		return nil, wire.Fail(wire.NotInitialized, "initialize comes first")
	case s.ended:
		return nil, wire.Fail(wire.InvalidRequest, "the end was asked for")
	}
	switch m.Method {
	case "shutdown":
		s.ended = true
		return nil, nil
	case "textDocument/didOpen", "textDocument/didChange":
		return nil, s.changed(m.Params)
	case "textDocument/didClose":
		return nil, s.closed(m.Params)
	case "textDocument/didSave", "workspace/didChangeWatchedFiles":
		s.check()
		return nil, nil
	case "textDocument/completion":
		return at(s, m.Params, s.complete)
	case "textDocument/hover":
		return at(s, m.Params, s.hover)
	case "textDocument/definition":
		return at(s, m.Params, s.define)
	case "textDocument/formatting":
		return at(s, m.Params, s.format)
	case "textDocument/documentSymbol":
		return at(s, m.Params, s.symbols)
	}
	if m.Request() {
		return nil, wire.Fail(wire.NoMethod, "there is no method %q", m.Method)
	}
	return nil, nil // a notification that is of no use here
}

// initialize tells what this server can do.
func (s *Server) initialize(params json.RawMessage) (any, *wire.Error) {
	var p struct {
		Capabilities struct {
			TextDocument struct {
				Completion struct {
					CompletionItem struct {
						SnippetSupport bool `json:"snippetSupport"`
					} `json:"completionItem"`
				} `json:"completion"`
			} `json:"textDocument"`
		} `json:"capabilities"`
	}
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, wire.Fail(wire.InvalidParams, "%v", err)
	}
	s.started, s.snippets = true, p.Capabilities.TextDocument.Completion.CompletionItem.SnippetSupport
	return map[string]any{
		"serverInfo": map[string]string{"name": "sallyport", "version": s.Version},
		"capabilities": map[string]any{
			"positionEncoding":           "utf-16",
			"textDocumentSync":           map[string]any{"openClose": true, "change": 1, "save": true}, // whole texts
			"completionProvider":         map[string]any{"triggerCharacters": []string{".", "\"", "["}},
			"hoverProvider":              true,
			"definitionProvider":         true,
			"documentFormattingProvider": true,
			"documentSymbolProvider":     true,
		},
	}, nil
}

// A place is where in which document a request is about.
type place struct {
	doc  *document
	path string
	at   int // in bytes
}

// at calls f with the place that params name.
func at(s *Server, params json.RawMessage, f func(place) any) (any, *wire.Error) {
	var p struct {
		TextDocument struct {
			URI string `json:"uri"`
		} `json:"textDocument"`
		Position position `json:"position"`
	}
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, wire.Fail(wire.InvalidParams, "%v", err)
	}
	path, err := pathOf(p.TextDocument.URI)
	if err != nil {
		return nil, wire.Fail(wire.InvalidParams, "%v", err)
	}
	s.mu.Lock()
	doc := s.docs[path]
	s.mu.Unlock()
	if doc == nil {
		return nil, wire.Fail(wire.InvalidParams, "%s is not open", p.TextDocument.URI)
	}
	return f(place{doc, path, doc.offset(p.Position)}), nil
}

// changed takes the text of a document that was opened or changed.
func (s *Server) changed(params json.RawMessage) *wire.Error {
	var p struct {
		TextDocument struct {
			URI     string  `json:"uri"`
			Version int     `json:"version"`
			Text    *string `json:"text"`
		} `json:"textDocument"`
		ContentChanges []struct {
			Range *span  `json:"range"`
			Text  string `json:"text"`
		} `json:"contentChanges"`
	}
	if err := json.Unmarshal(params, &p); err != nil {
		return wire.Fail(wire.InvalidParams, "%v", err)
	}
	path, err := pathOf(p.TextDocument.URI)
	if err != nil {
		return wire.Fail(wire.InvalidParams, "%v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	doc := &document{uri: p.TextDocument.URI, version: p.TextDocument.Version}
	if old := s.docs[path]; old != nil {
		doc.text = old.text
	}
	if p.TextDocument.Text != nil {
		doc.text = *p.TextDocument.Text
	}
	for _, c := range p.ContentChanges {
		if c.Range == nil {
			doc.text = c.Text
			continue
		}
		from, to := doc.offset(c.Range.Start), doc.offset(c.Range.End)
		doc.text = doc.text[:from] + c.Text + doc.text[max(from, to):]
	}
	s.docs[path] = doc
	s.check()
	return nil
}

func (s *Server) closed(params json.RawMessage) *wire.Error {
	var p struct {
		TextDocument struct {
			URI string `json:"uri"`
		} `json:"textDocument"`
	}
	if err := json.Unmarshal(params, &p); err != nil {
		return wire.Fail(wire.InvalidParams, "%v", err)
	}
	path, err := pathOf(p.TextDocument.URI)
	if err != nil {
		return wire.Fail(wire.InvalidParams, "%v", err)
	}
	s.mu.Lock()
	delete(s.docs, path)
	s.mu.Unlock()
	s.check()
	return nil
}

// check asks for a check; several at once are one.
func (s *Server) check() {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

// tell says something that the editor did not ask for.
func (s *Server) tell(method string, params any) error {
	if err := s.conn.Notify(method, params); err != nil {
		return fmt.Errorf("tell the editor: %w", err)
	}
	return nil
}
