// Package web serves the pages of the dashboard, which are built into it: one
// document with a nonce of its own in every answer, and what that document loads.
// It knows no operator and no route of the API; whatever the pages show, they ask
// the API for.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"embed"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed dist
var dist embed.FS

// The marks in the document that every answer replaces.
const (
	nonceMark = "__NONCE__"
	themeMark = `data-theme="system"`
)

// themeCookie holds the theme that the operator chose, so that the first paint
// has it.
const themeCookie = "sallyport_theme"

// Pages is the handler of everything that is not the API.
type Pages struct {
	index string
	files map[string]*file // by URL path
}

// A file is one asset. Its compressed form is made when it is first wanted.
type file struct {
	body, kind string
	immutable  bool // its name has a hash of what is in it
	packed     func() string
}

// New reads what is built in.
func New() (*Pages, error) {
	root, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	p := &Pages{files: make(map[string]*file)}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		if name == "index.html" {
			p.index = string(b)
			return nil
		}
		p.files["/"+name] = newFile(name, b)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	if strings.Count(p.index, nonceMark) == 0 || strings.Count(p.index, themeMark) != 1 {
		return nil, fmt.Errorf("pages: index.html lacks %s or %s", nonceMark, themeMark)
	}
	return p, nil
}

func newFile(name string, b []byte) *file {
	f := &file{body: string(b), kind: mime.TypeByExtension(path.Ext(name)), immutable: strings.HasPrefix(name, "assets/")}
	switch path.Ext(name) { // not what the machine's own table of types says
	case ".js":
		f.kind = "text/javascript; charset=utf-8"
	case ".css":
		f.kind = "text/css; charset=utf-8"
	case ".svg":
		f.kind = "image/svg+xml"
	}
	f.packed = sync.OnceValue(func() string {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		if _, err := z.Write(b); err != nil || z.Close() != nil || out.Len() >= len(b) {
			return ""
		}
		return out.String()
	})
	return f
}

// ServeHTTP answers with an asset, or for the path of a page with the document.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the pages are only read", http.StatusMethodNotAllowed)
		return
	}
	if f, ok := p.files[r.URL.Path]; ok {
		f.serve(w, r)
		return
	}
	if !isPage(r.URL.Path) {
		protect(w.Header(), "")
		http.NotFound(w, r)
		return
	}
	nonce := rand.Text()
	protect(w.Header(), nonce)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	body := strings.ReplaceAll(p.index, nonceMark, nonce)
	if theme := chosenTheme(r); theme != "" {
		body = strings.Replace(body, themeMark, `data-theme="`+theme+`"`, 1)
	}
	write(w, r, body)
}

// isPage reports whether a path may name a page. Which pages there are the
// document knows; a missing file or route is no page.
func isPage(p string) bool {
	return !strings.HasPrefix(p, "/api/") && !strings.HasPrefix(p, "/assets/") && path.Ext(p) == "" ||
		slices.ContainsFunc([]string{"/actions/", "/agents/", "/approvals/", "/sessions/"}, func(of string) bool { return strings.HasPrefix(p, of) })
}

func chosenTheme(r *http.Request) string {
	c, err := r.Cookie(themeCookie)
	if err != nil || c.Value != "light" && c.Value != "dark" {
		return ""
	}
	return c.Value
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	protect(h, "")
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	if f.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("Vary", "Accept-Encoding")
	if packed := f.packed(); packed != "" && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		write(w, r, packed)
		return
	}
	write(w, r, f.body)
}

func write(w http.ResponseWriter, r *http.Request, body string) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		w.Write([]byte(body)) //nolint:errcheck // whoever asked has gone
	}
}

// workerPolicy is the only policy of Trusted Types. The pages make it, once, before
// anything else: it gives the address of the service worker and no other.
const workerPolicy = "sallyport-worker"

// protect sets what keeps a page to itself: scripts only from here and only from
// files, no string that becomes markup or code, styles from here or with the nonce,
// nothing that frames it, nothing that it may be framed by.
func protect(h http.Header, nonce string) {
	styles := "style-src 'self'"
	if nonce != "" {
		styles += " 'nonce-" + nonce + "'"
	}
	h.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'", "script-src 'self'", styles, "img-src 'self'", "connect-src 'self'", "manifest-src 'self'",
		"worker-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
		"require-trusted-types-for 'script'", "trusted-types " + workerPolicy,
	}, "; "))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
}
