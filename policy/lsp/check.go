package lsp

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
)

// A diagnostic is one thing that is wrong (LSP 3.17, Diagnostic).
type diagnostic struct {
	Range    span   `json:"range"`
	Severity int    `json:"severity"` // 1: error, 2: warning
	Source   string `json:"source"`
	Message  string `json:"message"`
}

// checker reads the configurations that are open whenever something has changed,
// until ctx ends.
func (s *Server) checker(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.dirty:
		}
		if err := s.checkAll(ctx); err != nil {
			return err
		}
	}
}

// checkAll checks every configuration that a file of is open, or was.
func (s *Server) checkAll(ctx context.Context) error {
	s.mu.Lock()
	docs := maps.Clone(s.docs)
	s.mu.Unlock()
	roots := map[string]bool{}
	for path := range docs {
		roots[s.root(path)] = true
	}
	for root := range s.told {
		roots[root] = true
	}
	for _, root := range slices.Sorted(maps.Keys(roots)) {
		if ctx.Err() != nil {
			return nil
		}
		if err := s.checkOne(root, docs); err != nil {
			return err
		}
	}
	return nil
}

// root is the configuration that a file belongs to.
func (s *Server) root(path string) string {
	if s.Config != "" {
		conf, err := filepath.Abs(s.Config)
		if err == nil && (conf == path || conf == filepath.Dir(path)) {
			return conf
		}
	}
	return filepath.Dir(path)
}

// checkOne loads a configuration with what is open laid over its files, and tells
// what is to be said of each file. What was said of others before is taken back.
func (s *Server) checkOne(root string, docs map[string]*document) error {
	over := s.overlay(root, docs)
	said := map[string][]diagnostic{}
	if len(over) > 0 {
		o := s.Options
		o.Overlay = over
		_, files, diags := policy.Load(root, o)
		for _, d := range diags {
			path, found := locate(root, files, over, d)
			said[path] = append(said[path], found)
		}
	}
	told := map[string]bool{}
	for path := range over {
		told[path] = true
	}
	for path := range said {
		told[path] = true
	}
	all := maps.Clone(told)
	maps.Copy(all, s.told[root])
	for _, path := range slices.Sorted(maps.Keys(all)) {
		list := said[path]
		if list == nil {
			list = []diagnostic{}
		}
		note := map[string]any{"uri": uriOf(path), "diagnostics": list}
		if d := docs[path]; d != nil {
			note["uri"], note["version"] = d.uri, d.version
		}
		if err := s.tell("textDocument/publishDiagnostics", note); err != nil {
			return err
		}
	}
	s.told[root] = told
	if len(told) == 0 {
		delete(s.told, root)
	}
	return nil
}

// overlay gives what is open of a configuration, by path.
func (s *Server) overlay(root string, docs map[string]*document) source.Overlay {
	over := source.Overlay{}
	for path, d := range docs {
		if filepath.Ext(path) == ".hcl" && s.root(path) == root {
			over[path] = []byte(d.text)
		}
	}
	return over
}

// locate gives the file and the place of a diagnostic. One without a place, or
// about a preset, stands at the top of the first file that is open.
func locate(root string, files *policy.Files, over source.Overlay, d *hcl.Diagnostic) (string, diagnostic) {
	out := diagnostic{Severity: 1, Source: "sallyport", Message: d.Summary + ": " + d.Detail}
	if d.Severity == hcl.DiagWarning {
		out.Severity = 2
	}
	if d.Subject != nil {
		path := filepath.Clean(d.Subject.Filename)
		if f := files.HCL[d.Subject.Filename]; f != nil && (path == root || filepath.Dir(path) == root) {
			out.Range = spanAt(string(f.Bytes), *d.Subject)
			return path, out
		}
	}
	return slices.Min(slices.Collect(maps.Keys(over))), out
}

// texts gives every file of the configuration that a document belongs to, as it
// stands in the editor or on disk.
func (s *Server) texts(path string) map[string]string {
	if s.given != nil {
		return s.given
	}
	root := s.root(path)
	out := map[string]string{}
	names, _, err := source.List(root)
	if err != nil {
		names = nil // a directory without a file on disk yet
	}
	for _, name := range names {
		if b, err := source.File(name); err == nil {
			out[name] = string(b)
		} else if !os.IsNotExist(err) {
			continue // the check says so
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, d := range s.docs {
		if s.root(name) == root {
			out[name] = d.text
		}
	}
	return out
}
