package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func pages(t *testing.T) *Pages {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func fetch(p *Pages, method, path string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	maps.Copy(r.Header, header)
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

var nonces = regexp.MustCompile(`nonce="([^"]*)"`)

// What a page may do, its policy says: nothing that comes as a string runs.
func TestT45_EveryAnswerIsConfined(t *testing.T) {
	p := pages(t)
	paths := []string{"/", "/activity", "/actions/x.y", "/nothing.txt", "/api/v1/nothing"}
	for path := range p.files {
		paths = append(paths, path)
	}
	for _, path := range paths {
		h := fetch(p, "GET", path, nil).Header()
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'none'", "script-src 'self';", "require-trusted-types-for 'script'", "trusted-types sallyport-worker",
			"base-uri 'none'", "form-action 'none'",
		} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy %q lacks %s", path, csp, want)
			}
		}
		for _, bad := range []string{"unsafe-inline", "unsafe-eval", "*", "data:", "blob:", "http"} {
			if strings.Contains(csp, bad) {
				t.Errorf("%s: the policy %q has %s", path, csp, bad)
			}
		}
		if h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: a browser may guess what it is", path)
		}
	}
}

func TestT46_NoPageIsFramed(t *testing.T) {
	p := pages(t)
	for _, path := range []string{"/", "/approvals", "/favicon.svg"} {
		h := fetch(p, "GET", path, nil).Header()
		if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("%s may be framed", path)
		}
		if h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s may be loaded from elsewhere", path)
		}
	}
}

func TestEveryDocumentHasANonceOfItsOwn(t *testing.T) {
	p := pages(t)
	seen := make(map[string]bool)
	for range 3 {
		w := fetch(p, "GET", "/", nil)
		body := w.Body.String()
		found := nonces.FindAllStringSubmatch(body, -1)
		if len(found) == 0 || strings.Contains(body, nonceMark) {
			t.Fatalf("the document has no nonce:\n%s", body)
		}
		for _, f := range found {
			if !strings.Contains(w.Header().Get("Content-Security-Policy"), "'nonce-"+f[1]+"'") {
				t.Errorf("nonce %q is not the policy's", f[1])
			}
		}
		seen[found[0][1]] = true
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Error("a document with a nonce may be kept")
		}
	}
	if len(seen) != 3 {
		t.Errorf("3 documents have %d nonces", len(seen))
	}
}

func TestWhatIsServedWhere(t *testing.T) {
	p := pages(t)
	var script string
	for path := range p.files {
		if strings.HasPrefix(path, "/assets/index-") && strings.HasSuffix(path, ".js") {
			script = path
		}
	}
	for _, c := range []struct {
		method, path string
		status       int
		kind, cache  string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8", "no-store"},
		{"HEAD", "/activity", 200, "text/html; charset=utf-8", "no-store"},
		{"GET", "/agents/name.with.dots", 200, "text/html; charset=utf-8", "no-store"},
		{"GET", script, 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"GET", "/favicon.svg", 200, "image/svg+xml", "no-cache"},
		{"GET", "/assets/gone.js", 404, "text/plain; charset=utf-8", ""},
		{"GET", "/api/v1/nothing", 404, "text/plain; charset=utf-8", ""},
		{"GET", "/index.html", 404, "text/plain; charset=utf-8", ""},
		{"GET", "/../web.go", 404, "text/plain; charset=utf-8", ""},
		{"POST", "/", 405, "text/plain; charset=utf-8", ""},
	} {
		w := fetch(p, c.method, c.path, nil)
		h := w.Header()
		if w.Code != c.status || h.Get("Content-Type") != c.kind || h.Get("Cache-Control") != c.cache {
			t.Errorf("%s %s: %d %q %q", c.method, c.path, w.Code, h.Get("Content-Type"), h.Get("Cache-Control"))
		}
		if c.method == "HEAD" && w.Body.Len() > 0 {
			t.Errorf("%s %s has a body", c.method, c.path)
		}
	}
}

func TestAssetsComeCompressed(t *testing.T) {
	p := pages(t)
	for path, f := range p.files {
		w := fetch(p, "GET", path, http.Header{"Accept-Encoding": {"gzip, br"}})
		body := w.Body.Bytes()
		if w.Header().Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		} else if len(body) > 1<<10 {
			t.Errorf("%s: %d bytes as they are", path, len(body))
		}
		if string(body) != f.body {
			t.Errorf("%s is not what was built in", path)
		}
	}
}

func TestTheThemeIsTakenFromTheCookie(t *testing.T) {
	p := pages(t)
	for cookie, want := range map[string]string{
		"":                                `data-theme="system"`,
		"sallyport_theme=dark":            `data-theme="dark"`,
		"sallyport_theme=light":           `data-theme="light"`,
		"sallyport_theme=x\"><script>":    `data-theme="system"`,
		"other=dark; sallyport_theme=sys": `data-theme="system"`,
	} {
		body := fetch(p, "GET", "/", http.Header{"Cookie": {cookie}}).Body.String()
		if !strings.Contains(body, want) {
			t.Errorf("%q: want %s in\n%s", cookie, want, body)
		}
	}
}

// What is built in is what the policy allows, and nothing that helps nobody here.
func TestWhatIsBuiltIn(t *testing.T) {
	p := pages(t)
	if regexp.MustCompile(`<script(?:\s[^>]*)?>[^<]|\son\w+=|style=`).MatchString(p.index) {
		t.Errorf("index.html has code or a style of its own:\n%s", p.index)
	}
	total := 0
	for _, path := range slices.Sorted(maps.Keys(p.files)) {
		total += len(p.files[path].body)
		if strings.HasSuffix(path, ".map") || strings.Contains(p.files[path].body, "sourceMappingURL") {
			t.Errorf("%s is a source map, or names one", path)
		}
	}
	if total > 2<<20 {
		t.Errorf("%d bytes are built in", total)
	}
}
