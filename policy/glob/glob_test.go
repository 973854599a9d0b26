package glob

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern string
		sep     byte
		yes, no []string
	}{
		{"/v1/refunds", '/', []string{"/v1/refunds", "/v1/refunds/", "v1/refunds"}, []string{"/v1", "/v1/refunds/1", "/V1/refunds", "/"}},
		{"/v1/refunds/", '/', []string{"/v1/refunds", "/v1/refunds/"}, []string{"/v1/refunds/x"}},
		{"/", '/', []string{"/", ""}, []string{"/a"}},
		{"/**", '/', []string{"/", "/a", "/a/b/c", "/a/"}, nil},
		{"/*", '/', []string{"/a", "/a/"}, []string{"/", "/a/b"}},
		{"/repos/*/*/issues", '/', []string{"/repos/a/b/issues"}, []string{"/repos/a/issues", "/repos/a/b/c/issues", "/repos/a/b/issues/1"}},
		{"/repos/**/issues", '/', []string{"/repos/issues", "/repos/a/issues", "/repos/a/b/c/issues"}, []string{"/repos/a/b", "/issues"}},
		{"/**/a/**/b", '/', []string{"/a/b", "/x/a/y/z/b", "/a/a/b/b"}, []string{"/b/a", "/a/bc"}},
		{"/files/*.json", '/', []string{"/files/a.json", "/files/.json"}, []string{"/files/a.json5", "/files/a/b.json"}},
		{"/ab*bc", '/', []string{"/abbc", "/abxbc"}, []string{"/abc", "/ab", "/bc"}},
		{"/a*b*c", '/', []string{"/abc", "/axbxc", "/abbc"}, []string{"/ab", "/acb", "/a/bc"}},
		{"gpt-*", 0, []string{"gpt-5", "gpt-4/turbo.1", "gpt-"}, []string{"gpt", "xgpt-5"}},
		{"*mini*", 0, []string{"gpt-5-mini", "mini"}, []string{"min"}},
		{"**", 0, []string{"", "a/b.c"}, nil},
		{"public.*", '.', []string{"public.users"}, []string{"public", "public.a.b", "x.public"}},
	}
	for _, tt := range tests {
		g, err := Compile(tt.pattern, tt.sep)
		if err != nil {
			t.Errorf("Compile(%q): %v", tt.pattern, err)
			continue
		}
		for _, s := range tt.yes {
			if !g.Match(s) {
				t.Errorf("%q does not match %q", tt.pattern, s)
			}
		}
		for _, s := range tt.no {
			if g.Match(s) {
				t.Errorf("%q matches %q", tt.pattern, s)
			}
		}
	}
}

func TestHost(t *testing.T) {
	tests := []struct {
		pattern string
		yes, no []string
	}{
		{"api.acme.dev", []string{"api.acme.dev", "API.Acme.dev", "api.acme.dev."}, []string{"x.api.acme.dev", "acme.dev"}},
		{"*.acme.dev", []string{"a.acme.dev", "a.b.acme.dev", "A.ACME.DEV."}, []string{"acme.dev", "evilacme.dev", "a.acme.dev.evil.com"}},
		{"api-*.acme.dev", []string{"api-1.acme.dev"}, []string{"api-1.x.acme.dev"}},
		{"*", []string{"a", "a.b", "10.0.0.1"}, nil},
		{"10.4.*.*", []string{"10.4.1.2"}, []string{"10.40.1.2"}},
	}
	for _, tt := range tests {
		g, err := Host(tt.pattern)
		if err != nil {
			t.Errorf("Host(%q): %v", tt.pattern, err)
			continue
		}
		if g.String() != tt.pattern {
			t.Errorf("Host(%q).String() = %q", tt.pattern, g)
		}
		for _, s := range tt.yes {
			if !g.Match(s) {
				t.Errorf("%q does not match %q", tt.pattern, s)
			}
		}
		for _, s := range tt.no {
			if g.Match(s) {
				t.Errorf("%q matches %q", tt.pattern, s)
			}
		}
	}
}

// Whoever writes a rule spells a path as people do; what is matched is spelt as
// the gateway sends it. A rule must not miss because of that.
func TestT20_PatternsAreSpeltLikePaths(t *testing.T) {
	for pattern, path := range map[string]string{
		"/größe":       "/gr%C3%B6%C3%9Fe",
		"/a b":         "/a%20b",
		"/%7euser/%61": "/~user/a",
		"/a%2fb":       "/a%2Fb",
		"/caf%c3%a9/*": "/caf%C3%A9/x",
		"/100%25":      "/100%25",
		"/v1/a+b;c":    "/v1/a+b;c",
		"/%2B":         "/%2B",
		`/"x"/{id}`:    "/%22x%22/%7Bid%7D",
	} {
		g, err := Compile(pattern, '/')
		if err != nil || !g.Match(path) || g.String() != pattern {
			t.Errorf("%q does not match %q: %v", pattern, path, err)
		}
	}
}

func TestFirst(t *testing.T) {
	for pattern, want := range map[string]string{"/v1/*": "v1", "/größe/x": "gr%C3%B6%C3%9Fe", "/*": "", "/a*/b": "", "/**": "", "/": ""} {
		g, err := Compile(pattern, '/')
		if err != nil || g.First() != want {
			t.Errorf("%q begins with %q: %v", pattern, g.First(), err)
		}
		if g.Fold().First() != "" {
			t.Errorf("folded %q begins with %q", pattern, g.Fold().First())
		}
	}
}

func TestHostRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		"api.acme.dev:443": "port", "[fd00::1]": "port", "10.0.0.0/8": `"/"`, "größe.de": "xn--", "a b.dev": `" "`,
		"https://a.dev": "port", "a..b": "empty segment", "": "empty pattern", ".": "empty pattern", "a**.b": "whole segment",
	} {
		if _, err := Host(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Host(%q) says %v, want %s", pattern, err, want)
		}
	}
	g, err := Host("fd00::1")
	if err != nil || !g.Match("fd00::1") {
		t.Errorf("an IPv6 address: %v", err)
	}
}

func TestFold(t *testing.T) {
	g, err := Compile("/Admin/*/log*x", '/')
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"/admin/A/LOGzX", "/ADMIN/b/Logx"} {
		if g.Match(s) {
			t.Errorf("unfolded pattern matches %q", s)
		}
		if !g.Fold().Match(s) {
			t.Errorf("folded pattern does not match %q", s)
		}
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		pattern string
		sep     byte
		want    string
	}{
		{"", '/', "empty pattern"},
		{"/a//b", '/', "empty segment"},
		{"a..b", '.', "empty segment"},
		{"/a**/b", '/', "whole segment"},
		{"/a?x=1", '/', "http.query"},
		{"/a/../b", '/', "normalised"},
		{"/./b", '/', "normalised"},
		{`/a\b`, '/', "never in a path"},
		{"/a#b", '/', "never in a path"},
		{"/%2e%2E/b", '/', "normalised"},
		{"/100%", '/', "%25"},
		{"/%g0", '/', "%25"},
		{"/%4", '/', "%25"},
		{"/%2a", '/', "star"},
	}
	for _, tt := range tests {
		if _, err := Compile(tt.pattern, tt.sep); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Compile(%q) says %v, want %q", tt.pattern, err, tt.want)
		}
	}
}

func TestSet(t *testing.T) {
	tests := []struct {
		patterns []string
		yes, no  []string
	}{
		{[]string{"/a", "/b/**"}, []string{"/a", "/b", "/b/c"}, []string{"/c"}},
		{[]string{"/b/**", "!/b/x"}, []string{"/b", "/b/c"}, []string{"/b/x", "/c"}},
		{[]string{"!/b/x", "!/c"}, []string{"/", "/b", "/d"}, []string{"/b/x", "/c"}},
	}
	for _, tt := range tests {
		s, err := CompileSet(tt.patterns, '/')
		if err != nil {
			t.Errorf("%q: %v", tt.patterns, err)
			continue
		}
		for _, v := range tt.yes {
			if !s.Match(v) {
				t.Errorf("%q does not match %q", tt.patterns, v)
			}
		}
		for _, v := range tt.no {
			if s.Match(v) {
				t.Errorf("%q matches %q", tt.patterns, v)
			}
		}
	}
	var elem *ElementError
	if _, err := CompileSet([]string{"/a", "!/b?"}, '/'); !errors.As(err, &elem) || elem.Index != 1 {
		t.Errorf("a bad element says %v", err)
	}
	if _, err := CompileSet(nil, '/'); err == nil {
		t.Error("an empty list is accepted")
	}
	if (Set{}).Match("x") || (SQLSet{}).Match("x") != No {
		t.Error("a zero set matches")
	}
	hosts, err := HostSet([]string{"*.acme.dev", "!vault.acme.dev"})
	if err != nil || !hosts.Match("A.acme.dev") || hosts.Match("VAULT.acme.dev") {
		t.Errorf("host set: %v", err)
	}
	folded, err := CompileSet([]string{"/A", "!/B"}, '/')
	if err != nil || !folded.Fold().Match("/a") || folded.Fold().Match("/b") {
		t.Errorf("folded set: %v", err)
	}
}

func TestSQL(t *testing.T) {
	tests := []struct {
		patterns string
		depth    int
		value    string
		want     Sure
	}{
		{"users", DepthTable, "public.users", Yes},
		{"users", DepthTable, "users", Yes},
		{"users", DepthTable, "public.Users", No},
		{"users", DepthTable, "users.orders", No},
		{"payments.*", DepthTable, "payments.cards", Yes},
		{"payments.*", DepthTable, "public.cards", No},
		{"payments.*", DepthTable, "cards", Maybe},
		{"payments.card*", DepthTable, "cards", Maybe},
		{"payments.card*", DepthTable, "users", No},
		{"*.users", DepthTable, "users", Yes},
		{"**.users", DepthTable, "public.users", Yes},
		{"payments.**", DepthTable, "payments.cards", Yes},
		{"**", DepthTable, "payments.cards", Yes},
		{"payments.* !payments.currencies", DepthTable, "payments.currencies", No},
		{"payments.* !payments.currencies", DepthTable, "currencies", Maybe},
		{"!payments.currencies", DepthTable, "currencies", Maybe},
		{"!payments.currencies", DepthTable, "payments.currencies", No},
		{"!payments.currencies", DepthTable, "users", Yes},
		{"users", DepthTable, "public.odd.users", Maybe},
		{"orders", DepthTable, "public.odd.users", Maybe},
		{"users.iban", DepthColumn, "public.users.iban", Yes},
		{"users.iban", DepthColumn, "users.iban", Yes},
		{"users.iban", DepthColumn, "public.users.name", No},
		{"users.iban", DepthColumn, "public.users.*", Maybe},
		{"users.iban", DepthColumn, "public.orders.*", No},
		{"users.iban", DepthColumn, "iban", Maybe},
		{"users.*", DepthColumn, "public.users.*", Yes},
		{"payments.*.number", DepthColumn, "payments.cards.number", Yes},
		{"payments.*.number", DepthColumn, "cards.number", Maybe},
		{"payments.*.number", DepthColumn, "payments.cards.*", Maybe},
		{"users.* !users.iban", DepthColumn, "public.users.*", Maybe},
		{"payments.**", DepthColumn, "payments.cards.number", Yes},
		{"app*", DepthName, "app_db", Yes},
	}
	for _, tt := range tests {
		s, err := CompileSQL(strings.Fields(tt.patterns), tt.depth)
		if err != nil {
			t.Errorf("%q: %v", tt.patterns, err)
			continue
		}
		if got := s.Match(tt.value); got != tt.want {
			t.Errorf("%q on %q is %d, want %d", tt.patterns, tt.value, got, tt.want)
		}
	}
	for _, p := range []string{"a.b.c", "**.a.**", "a..b", ""} {
		if _, err := CompileSQL([]string{p}, DepthTable); err == nil {
			t.Errorf("table pattern %q is accepted", p)
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	paths, err := CompileSet([]string{"/repos/*/*/pulls/*/merge", "/**/x*y/**", "!/b"}, '/')
	if err != nil {
		t.Fatal(err)
	}
	tables, err := CompileSQL([]string{"payments.*", "!payments.currencies"}, DepthTable)
	if err != nil {
		t.Fatal(err)
	}
	host, err := Host("*.acme.dev")
	if err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(100, func() {
		paths.Match("/repos/acme/site/pulls/7/merge")
		paths.Fold()
		tables.Match("cards")
		host.Match("A.b.acme.dev.")
	})
	if n > 2 { // the two slices of Fold
		t.Errorf("%v allocations", n)
	}
}

// oracle is the pattern as a regular expression, written for clarity only.
func oracle(pattern string, sep byte) *regexp.Regexp {
	if sep == 0 {
		parts := strings.Split(pattern, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		return regexp.MustCompile(`(?s)\A` + strings.Join(parts, ".*") + `\z`)
	}
	s := regexp.QuoteMeta(string(rune(sep)))
	if sep == '/' {
		pattern = trimPath(pattern)
	}
	// Every segment is written with a separator behind it, as is the subject.
	var b strings.Builder
	for part := range strings.SplitSeq(pattern, string(rune(sep))) {
		switch part {
		case "**":
			b.WriteString("(?:[^" + s + "]*" + s + ")*")
		case "":
		default:
			quoted := regexp.QuoteMeta(part)
			b.WriteString(strings.ReplaceAll(quoted, `\*`, "[^"+s+"]*") + s)
		}
	}
	return regexp.MustCompile(`(?s)\A` + b.String() + `\z`)
}

func FuzzMatch(f *testing.F) {
	for _, p := range []string{"/a/*/b", "/**/a/**", "*.x", "a*b*c", "**", "/"} {
		for _, s := range []string{"/a/x/b", "/a", "b.x", "abc", "", "a//b", "/a/b/a/"} {
			f.Add(p, s, byte('/'))
			f.Add(p, s, byte('.'))
			f.Add(p, s, byte(0))
		}
	}
	f.Fuzz(func(t *testing.T, pattern, s string, sep byte) {
		if sep != '/' && sep != '.' {
			sep = 0
		}
		if len(pattern) > 100 || len(s) > 200 {
			return
		}
		g, err := Compile(pattern, sep)
		if err != nil || !validText(pattern) || !validText(s) {
			return
		}
		if sep == '/' {
			if pattern, err = spellPath(pattern); err != nil {
				t.Fatalf("compiled, but not spelt: %v", err)
			}
			if again, err := spellPath(pattern); err != nil || again != pattern {
				t.Errorf("%q is spelt %q, then %q: %v", g, pattern, again, err)
			}
		}
		subject := s
		if sep == '/' {
			subject = trimPath(s)
		}
		if sep != 0 && subject != "" {
			subject += string(rune(sep))
		}
		if got, want := g.Match(s), oracle(pattern, sep).MatchString(subject); got != want {
			t.Errorf("%q on %q with %q is %v, the oracle says %v", pattern, s, sep, got, want)
		}
	})
}

// validText keeps to what a regular expression reads as single bytes.
func validText(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func FuzzSQL(f *testing.F) {
	f.Add("payments.*", "payments.cards", 2)
	f.Add("!users.iban", "public.users.*", 3)
	f.Fuzz(func(t *testing.T, pattern, value string, depth int) {
		s, err := CompileSQL([]string{pattern}, 1+(depth&3))
		if err != nil {
			return
		}
		opposite, err := CompileSQL([]string{"!" + pattern}, 1+(depth&3))
		if err != nil || strings.HasPrefix(pattern, "!") {
			return
		}
		if got, inverse := s.Match(value), opposite.Match(value); got != Yes-inverse {
			t.Errorf("%q on %q is %d, its opposite %d", pattern, value, got, inverse)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, p := range []string{"/repos/acme/site/pulls/7/merge", "/repos/*/*/pulls/*/merge", "/repos/**", "/**/merge"} {
		g, err := Compile(p, '/')
		if err != nil {
			b.Fatal(err)
		}
		b.Run(p, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.Match("/repos/acme/site/pulls/7/merge")
			}
		})
	}
}

func BenchmarkSQL(b *testing.B) {
	s, err := CompileSQL([]string{"users", "payments.*", "!payments.currencies"}, DepthTable)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Match("payments.cards")
	}
}
