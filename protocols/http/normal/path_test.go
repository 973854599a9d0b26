package normal

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Every spelling of one path has one form. An error in place of a form is a
// refusal; where keep differs, it has a column of its own.
func TestT20_Path(t *testing.T) {
	same := "\x00same"
	tests := []struct {
		raw  string
		want string // or err
		err  error
		keep string // with encoded slashes allowed; same: no difference
	}{
		// plain
		{"/", "/", nil, same},
		{"/a", "/a", nil, same},
		{"/a/", "/a/", nil, same},
		{"/a/b/c", "/a/b/c", nil, same},
		{"/A", "/A", nil, same},
		{"/a-b_c.d~e", "/a-b_c.d~e", nil, same},
		{"/a.b", "/a.b", nil, same},
		{"/.a", "/.a", nil, same},
		{"/..a", "/..a", nil, same},
		{"/a..", "/a..", nil, same},
		{"/...", "/...", nil, same},
		{"/a...b/", "/a...b/", nil, same},
		{"/~user", "/~user", nil, same},
		{"/v1/x:verb", "/v1/x:verb", nil, same},
		{"/a@b", "/a@b", nil, same},
		{"/a,b", "/a,b", nil, same},
		{"/a=b&c", "/a=b&c", nil, same},
		{"/$metadata", "/$metadata", nil, same},
		{"/a!b*c", "/a!b*c", nil, same},
		{"/f('x')", "/f('x')", nil, same},
		{"/a+b", "/a+b", nil, same},
		{"/-", "/-", nil, same},
		{"/0", "/0", nil, same},
		{"/index.html", "/index.html", nil, same},
		// dot segments
		{"/.", "/", nil, same},
		{"/..", "/", nil, same},
		{"/./", "/", nil, same},
		{"/../", "/", nil, same},
		{"/a/.", "/a/", nil, same},
		{"/a/..", "/", nil, same},
		{"/a/./", "/a/", nil, same},
		{"/a/../", "/", nil, same},
		{"/a/./b", "/a/b", nil, same},
		{"/a/../b", "/b", nil, same},
		{"/a/b/../../c", "/c", nil, same},
		{"/a/b/..", "/a/", nil, same},
		{"/../../../etc/passwd", "/etc/passwd", nil, same},
		{"/a/../../b", "/b", nil, same},
		{"/public/../admin", "/admin", nil, same},
		{"/./admin", "/admin", nil, same},
		{"/admin/.", "/admin/", nil, same},
		{"/a/././././b", "/a/b", nil, same},
		{"/a/../a/../a", "/a", nil, same},
		{"/a/b/./../c", "/a/c", nil, same},
		{"/a/.../b", "/a/.../b", nil, same},
		{"/.../..", "/", nil, same},
		// encoded dots
		{"/%2e", "/", nil, same},
		{"/%2E%2E", "/", nil, same},
		{"/%2e%2e/admin", "/admin", nil, same},
		{"/a/%2e%2e/b", "/b", nil, same},
		{"/a/.%2e/b", "/b", nil, same},
		{"/a/%2e./b", "/b", nil, same},
		{"/a/%2E/b", "/a/b", nil, same},
		{"/a/%2e%2e%2e/b", "/a/.../b", nil, same},
		{"/a/%2e%2e", "/", nil, same},
		{"/public/%2e%2e/%2e%2e/x", "/x", nil, same},
		// slashes
		{"//", "/", nil, same},
		{"///", "/", nil, same},
		{"//admin", "/admin", nil, same},
		{"/a//b", "/a/b", nil, same},
		{"/a///b//", "/a/b/", nil, same},
		{"//evil.example/a", "/evil.example/a", nil, same},
		{"/a/..//b", "/b", nil, same},
		{"/a//../b", "/b", nil, same},
		{"/.//a", "/a", nil, same},
		{"//..//a", "/a", nil, same},
		{"/a/b//..", "/a/", nil, same},
		// escapes of harmless characters
		{"/%61dmin", "/admin", nil, same},
		{"/%41", "/A", nil, same},
		{"/%7Euser", "/~user", nil, same},
		{"/%7euser", "/~user", nil, same},
		{"/%2D", "/-", nil, same},
		{"/a%5Fb", "/a_b", nil, same},
		{"/%30", "/0", nil, same},
		{"/x%3averb", "/x:verb", nil, same},
		{"/x%3Averb", "/x:verb", nil, same},
		{"/a%40b", "/a@b", nil, same},
		{"/a%26b", "/a&b", nil, same},
		{"/a%3Db", "/a=b", nil, same},
		{"/%24m", "/$m", nil, same},
		{"/%21", "/!", nil, same},
		{"/%27", "/'", nil, same},
		{"/%28%29", "/()", nil, same},
		{"/%2A", "/*", nil, same},
		{"/%2C", "/,", nil, same},
		{"/%61%64%6d%69%6e", "/admin", nil, same},
		{"/%61/%2e%2e/%62", "/b", nil, same},
		// escapes that stay, in capitals
		{"/a%20b", "/a%20b", nil, same},
		{"/a%3fb", "/a%3Fb", nil, same},
		{"/a%23b", "/a%23b", nil, same},
		{"/a%2bb", "/a%2Bb", nil, same},
		{"/%22", "/%22", nil, same},
		{"/%3c%3e", "/%3C%3E", nil, same},
		{"/%5b%5d", "/%5B%5D", nil, same},
		{"/%7b%7d", "/%7B%7D", nil, same},
		{"/%7c", "/%7C", nil, same},
		{"/%5e", "/%5E", nil, same},
		{"/%60", "/%60", nil, same},
		{"/100%25", "/100%25", nil, same},
		{"/100%25/x", "/100%25/x", nil, same},
		{"/%25z", "/%25z", nil, same},
		{"/%25", "/%25", nil, same},
		// bytes that are written bare and may not be
		{"/a|b", "/a%7Cb", nil, same},
		{"/{id}", "/%7Bid%7D", nil, same},
		{"/[x]", "/%5Bx%5D", nil, same},
		{"/<x>", "/%3Cx%3E", nil, same},
		{`/"x"`, "/%22x%22", nil, same},
		{"/a^b`c", "/a%5Eb%60c", nil, same},
		{"/ä", "/%C3%A4", nil, same},
		{"/日本", "/%E6%97%A5%E6%9C%AC", nil, same},
		{"/%e6%97%a5", "/%E6%97%A5", nil, same},
		{"/\xe6%97\xa5", "/%E6%97%A5", nil, same},
		// ambiguous
		{"/a%2fb", "", ErrAmbiguous, "/a%2Fb"},
		{"/a%2Fb", "", ErrAmbiguous, "/a%2Fb"},
		{"/group%2Fproject/x", "", ErrAmbiguous, "/group%2Fproject/x"},
		{"/a%5cb", "", ErrAmbiguous, "/a%5Cb"},
		{"/a;b", "", ErrAmbiguous, "/a;b"},
		{"/a;jsessionid=1/b", "", ErrAmbiguous, "/a;jsessionid=1/b"},
		{"/a%3bb", "", ErrAmbiguous, "/a%3Bb"},
		{"/a%2520b", "", ErrAmbiguous, "/a%2520b"},
		{"/%2561", "", ErrAmbiguous, "/%2561"},
		{"/a%252fb", "", ErrAmbiguous, "/a%252fb"},
		{"/%25%36%31", "", ErrAmbiguous, "/%2561"},
		{"/@scope%2fpkg", "", ErrAmbiguous, "/@scope%2Fpkg"},
		{"/%2f", "", ErrAmbiguous, "/%2F"},
		{"/%2fadmin", "", ErrAmbiguous, "/%2Fadmin"},
		{"/a/%2f/b", "", ErrAmbiguous, "/a/%2F/b"},
		{"/a;/..;x/b", "", ErrAmbiguous, ""},
		{"/%25%32%66", "", ErrAmbiguous, "/%252f"},
		{"/a/../b%2fc", "", ErrAmbiguous, "/b%2Fc"},
		{"//a%2fb", "", ErrAmbiguous, "/a%2Fb"},
		{"/a%2f%2fb", "", ErrAmbiguous, "/a%2F%2Fb"},
		{"/%3b", "", ErrAmbiguous, "/%3B"},
		{"/;", "", ErrAmbiguous, "/;"},
		// dot segments behind what some origin takes for a separator: always refused
		{"/a%2f..%2fadmin", "", ErrAmbiguous, ""},
		{"/a/..%2fadmin", "", ErrAmbiguous, ""},
		{"/a%2f../b", "", ErrAmbiguous, ""},
		{"/a%2f%2e%2e/b", "", ErrAmbiguous, ""},
		{"/a%5c..%5cadmin", "", ErrAmbiguous, ""},
		{"/..;/admin", "", ErrAmbiguous, ""},
		{"/a/..;x=1/admin", "", ErrAmbiguous, ""},
		{"/.;/admin", "", ErrAmbiguous, ""},
		{"/%252e%252e/admin", "", ErrAmbiguous, ""},
		{"/a/%25%32%65%25%32%65/b", "", ErrAmbiguous, ""},
		{"/a%252f..%252fb", "", ErrAmbiguous, ""},
		{"/%25252e%25252e/x", "", ErrAmbiguous, ""},
		{"/a%2f.", "", ErrAmbiguous, ""},
		{"/a%2f..", "", ErrAmbiguous, ""},
		{"/..%2f", "", ErrAmbiguous, ""},
		{"/..%5c", "", ErrAmbiguous, ""},
		{"/..%3b/x", "", ErrAmbiguous, ""},
		{"/%2e%2e%2fadmin", "", ErrAmbiguous, ""},
		{"/%2e%2e%5cadmin", "", ErrAmbiguous, ""},
		{"/a%2f.%2fb", "", ErrAmbiguous, ""},
		{"/%2e%2e;/x", "", ErrAmbiguous, ""},
		{"/%2525252525252525252e", "", ErrAmbiguous, ""},
		// never understood
		{"", "", ErrForm, ""},
		{"a", "", ErrForm, ""},
		{"*", "", ErrForm, ""},
		{"http://x/", "", ErrForm, ""},
		{"?x", "", ErrForm, ""},
		{"%2fa", "", ErrForm, ""},
		{"/a\\b", "", ErrByte, ""},
		{"/..\\admin", "", ErrByte, ""},
		{"\\a", "", ErrForm, ""},
		{"/a#b", "", ErrByte, ""},
		{"/#", "", ErrByte, ""},
		{"/a b", "", ErrByte, ""},
		{"/a\tb", "", ErrByte, ""},
		{"/a\x00b", "", ErrByte, ""},
		{"/a\x7fb", "", ErrByte, ""},
		{"/a\r\nb", "", ErrByte, ""},
		{"/a?b", "", ErrByte, ""},
		{"/%00", "", ErrByte, ""},
		{"/a%00.png", "", ErrByte, ""},
		{"/%0d%0aX:y", "", ErrByte, ""},
		{"/%0a", "", ErrByte, ""},
		{"/%09", "", ErrByte, ""},
		{"/%1f", "", ErrByte, ""},
		{"/%7f", "", ErrByte, ""},
		{"/%", "", ErrEscape, ""},
		{"/%2", "", ErrEscape, ""},
		{"/%zz", "", ErrEscape, ""},
		{"/%u002e", "", ErrEscape, ""},
		{"/a%2", "", ErrEscape, ""},
		{"/%%32%65", "", ErrEscape, ""},
		{"/% 2e", "", ErrEscape, ""},
		{"/%2g", "", ErrEscape, ""},
		{"/%c0%ae", "", ErrText, ""},
		{"/%c0%af", "", ErrText, ""},
		{"/%e0%80%ae", "", ErrText, ""},
		{"/%f0%80%80%ae", "", ErrText, ""},
		{"/%ff", "", ErrText, ""},
		{"/\xff", "", ErrText, ""},
		{"/%c3", "", ErrText, ""},
		{"/%c3/%a4", "", ErrText, ""},
		{"/%ed%a0%80", "", ErrText, ""},
		{"/%f4%90%80%80", "", ErrText, ""},
		{"/\xc0\xae\xc0\xae/x", "", ErrText, ""},
	}
	if len(tests) < 150 {
		t.Errorf("%d spellings", len(tests))
	}
	for _, tt := range tests {
		got, err := Path(tt.raw, false)
		if !errors.Is(err, tt.err) || err == nil && got != tt.want {
			t.Errorf("%q: %q %v, want %q %v", tt.raw, got, err, tt.want, tt.err)
		}
		kept, err := Path(tt.raw, true)
		want := tt.keep
		if want == same {
			want = tt.want
		}
		if want == "" && err == nil || want != "" && (err != nil || kept != want) {
			t.Errorf("%q kept: %q %v, want %q", tt.raw, kept, err, want)
		}
	}
}

// FuzzNormalize claims of every accepted path that it is its own form, that it
// cannot climb, and that it says what the agent's spelling says.
func FuzzNormalize(f *testing.F) {
	for _, s := range []string{"/a/../b", "/%2e%2e/x", "/a%2fb", "/a;b", "//", "/%25%32%66", "/%c3%a4", "/a\\b", "/a+b%2B"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, raw string, keep bool) {
		got, err := Path(raw, keep)
		if err != nil {
			return
		}
		if again, err := Path(got, keep); err != nil || again != got {
			t.Fatalf("%q: %q is not its own form: %q %v", raw, got, again, err)
		}
		if got == "" || got[0] != '/' || strings.Contains(got, "//") {
			t.Fatalf("%q: %q", raw, got)
		}
		decoded, err := url.PathUnescape(got)
		if err != nil {
			t.Fatalf("%q: %q: %v", raw, got, err)
		}
		check := got
		if keep {
			check = decoded
		}
		for _, seg := range strings.FieldsFunc(check, func(r rune) bool { return r == '/' || keep && r == '\\' }) {
			if seg == "." || seg == ".." {
				t.Fatalf("%q: %q climbs", raw, got)
			}
		}
		if strings.IndexFunc(got, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' || r == '#' || r == '?' }) >= 0 {
			t.Fatalf("%q: %q holds what may not stand in a request line", raw, got)
		}
		if !keep && strings.ContainsAny(decoded, ";\\") {
			t.Fatalf("%q: %q is ambiguous", raw, got)
		}
		if loose, ok := Path(raw, true); !keep && (ok != nil || loose != got) {
			t.Fatalf("%q: keep changes %q to %q %v", raw, got, loose, ok)
		}
	})
}

func TestQuery(t *testing.T) {
	tests := []struct {
		raw    string
		want   string // name=value|value per parameter, joined by a space
		unsure bool
	}{
		{"", "", false},
		{"a=1", "a=1", false},
		{"a=1&b=2", "a=1 b=2", false},
		{"a=1&a=2", "a=1|2", false},
		{"a", "a=", false},
		{"=1", "=1", false},
		{"a=b=c", "a=b=c", false},
		{"&&a=1&", "a=1", false},
		{"a+b=c+d", "a b=c d", false},
		{"%61=%62", "a=b", false},
		{"a=%2B", "a=+", false},
		{"a[]=1&a[]=2", "a[]=1|2", false},
		{"a=%c3%a4", "a=ä", false},
		{"a=%26b%3D1", "a=&b=1", false},
		{"A=1&a=2", "A=1 a=2", false},
		{"a=%0A", "a=\n", false},
		{"a=1;b=2", "", true},
		{"a;b", "", true},
		{"a=%zz", "", true},
		{"a=%2", "", true},
		{"%=1", "", true},
		{"a=%ff", "", true},
		{"a=%00", "", true},
		{"a=1&b=%", "", true},
	}
	if _, ok := Query(strings.Repeat("a&b&", 1000)); !ok {
		t.Error("a few names many times are clear")
	}
	many := ""
	for i := range maxParams + 1 {
		many += "&p" + itoa(uint16(i))
	}
	if _, ok := Query(many); ok {
		t.Error("too many names are clear")
	}
	for _, tt := range tests {
		params, ok := Query(tt.raw)
		var got []string
		for _, p := range params {
			got = append(got, p.Name+"="+strings.Join(p.Values, "|"))
		}
		if ok == tt.unsure || strings.Join(got, " ") != tt.want {
			t.Errorf("%q: %q %v", tt.raw, got, ok)
		}
	}
}

func TestStripQuery(t *testing.T) {
	drop := func(name string) bool { return name == "key" }
	for raw, want := range map[string]string{
		"": "", "a=1": "a=1", "key=1": "", "a=1&key=2": "a=1", "key=2&a=1": "a=1", "a=1&key=2&b=3": "a=1&b=3", "a=1;key=2": "a=1;",
		"%6bey=1": "", "k%65y=1&x=%zz": "x=%zz", "key": "", "a=key": "a=key", "key=1&key=2": "", "a=1&&b": "a=1&&b", "x%zz&key=1": "x%zz", "Key=1": "Key=1",
	} {
		if got := StripQuery(raw, drop); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"a=1&b=2", "a=1;b", "%zz", "key=1;key=2", "+=+"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		params, ok := Query(raw)
		stripped := StripQuery(raw, CredentialParam)
		if again := StripQuery(stripped, CredentialParam); again != stripped && strings.TrimRight(stripped, "&") == stripped {
			t.Fatalf("%q: %q, then %q", raw, stripped, again)
		}
		left, fine := Query(stripped)
		if fine {
			for _, p := range left {
				if CredentialParam(p.Name) {
					t.Fatalf("%q: %q still holds %q", raw, stripped, p.Name)
				}
			}
		}
		if std, err := url.ParseQuery(raw); ok && err == nil {
			for _, p := range params {
				if got := std[p.Name]; len(got) != len(p.Values) || strings.Join(got, "\x00") != strings.Join(p.Values, "\x00") {
					t.Fatalf("%q: %q is %q here and %q there", raw, p.Name, p.Values, got)
				}
			}
		}
	})
}

func TestRequestFields(t *testing.T) {
	in := "Connection: close, X-Nominated, host|X-Nominated: 1|Keep-Alive: 5|Proxy-Connection: x|Proxy-Authorization: x|Transfer-Encoding: chunked|Upgrade: h2c|Http2-Settings: AA|" +
		"X_Real: 1|Remote_User: root|X-Http-Method-Override: DELETE|X-Method-Override: DELETE|X-Http-Method: DELETE|X-Forwarded-For: 1|X-Forwarded-Host: x|X-Forwarded: x|Forwarded: for=1|" +
		"X-Original-Url: /admin|X-Original-Host: x|X-Rewrite-Url: /admin|X-Real-Ip: 1|Via: 1.1 x|Expect: 100-continue|Content-Length: 5|Trailer: x|Early-Data: 1|" +
		"Te: gzip, trailers|Accept: a|Accept: b|Cookie: a=1|Cookie: b=2|X-Own: 1|Authorization: Bearer x|User-Agent: t"
	h := http.Header{}
	for line := range strings.SplitSeq(in, "|") {
		name, v, _ := strings.Cut(line, ": ")
		h[name] = append(h[name], v)
	}
	if err := Request(h, false); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	h.Write(&got)
	want := "Accept: a\r\nAccept: b\r\nAuthorization: Bearer x\r\nCookie: a=1; b=2\r\nTe: trailers\r\nUser-Agent: t\r\nX-Own: 1\r\n"
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

func TestRequestFieldsRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values []string
		http2  bool
		err    error
	}{
		{"Content-Type", []string{"a/b", "c/d"}, false, ErrRepeated},
		{"Authorization", []string{"a", "b"}, false, ErrRepeated},
		{"Range", []string{"a", "a"}, false, ErrRepeated},
		{"Accept", []string{"a", "b"}, false, nil},
		{"Content-Type", []string{"a/b"}, false, nil},
		{"Connection", []string{"x"}, true, ErrHop},
		{"Keep-Alive", []string{"x"}, true, ErrHop},
		{"Upgrade", []string{"x"}, true, ErrHop},
		{"Transfer-Encoding", []string{"chunked"}, true, ErrHop},
		{"Te", []string{"gzip"}, true, ErrHop},
		{"Te", []string{"Trailers"}, true, nil},
		{"Proxy-Connection", []string{"x"}, true, ErrHop},
		{"Te", []string{"gzip"}, false, nil},
	} {
		h := http.Header{tt.name: tt.values}
		if err := Request(h, tt.http2); !errors.Is(err, tt.err) {
			t.Errorf("%s %v http2=%v: %v", tt.name, tt.values, tt.http2, err)
		}
	}
}

func FuzzRequestFields(f *testing.F) {
	f.Add("Connection: a, b\nA: 1\nCookie: x\nTe: trailers", false)
	f.Add("X_y: 1\nTe: gzip", true)
	f.Fuzz(func(t *testing.T, text string, http2 bool) {
		h := http.Header{}
		for line := range strings.SplitSeq(text, "\n") {
			name, v, _ := strings.Cut(line, ":")
			h.Add(name, strings.TrimSpace(v))
		}
		nominated := h["Connection"]
		if Request(h, http2) != nil {
			return
		}
		for name, values := range h {
			if strings.Contains(name, "_") || hopByHop(name) && name != "Te" || unwanted(name) || len(values) > 1 && single(name) {
				t.Fatalf("%q left %q: %q", text, name, values)
			}
		}
		for _, v := range nominated {
			for token := range strings.SplitSeq(v, ",") {
				if name := http.CanonicalHeaderKey(strings.TrimSpace(token)); h[name] != nil && name != "Te" {
					t.Fatalf("%q left the nominated %q", text, name)
				}
			}
		}
		Response(h)
	})
}

func TestResponseFields(t *testing.T) {
	h := http.Header{
		"Connection": {"close, X-Nominated"}, "X-Nominated": {"1"}, "Alt-Svc": {"h3"}, "Transfer-Encoding": {"chunked"},
		"Keep-Alive": {"1"}, "Proxy-Authenticate": {"x"}, "Trailer": {"x"}, "Upgrade": {"x"}, "Set-Cookie": {"a", "b"}, "Content-Type": {"x"},
	}
	Response(h)
	if len(h) != 2 || len(h["Set-Cookie"]) != 2 || h.Get("Content-Type") != "x" {
		t.Errorf("%v", h)
	}
}

func TestSecretNames(t *testing.T) {
	for name, want := range map[string]bool{
		"Authorization": true, "x-api-key": true, "X-Amz-Security-Token": true, "Cookie": true, "api_key": true, "client_secret": true, "X-Vault-Token": true,
		"key": true, "sig": true, "PRIVATE-TOKEN": true, "Ocp-Apim-Subscription-Key": true, strings.Repeat("x", 65): true,
		"Accept": false, "User-Agent": false, "page": false, "Content-Type": false, "X-Path": false, "monkey": false, "design": false,
	} {
		if SecretName(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func TestAuthority(t *testing.T) {
	for s, want := range map[string]string{
		"a.example": "a.example 0", "A.Example.": "a.example 0", "a.example:8443": "a.example 8443", "10.0.0.1:80": "10.0.0.1 80", "[fd00::7]": "fd00::7 0",
		"[FD00:0::7]:443": "fd00::7 443", "a.example:": "a.example 0", "a_b.example": "a_b.example 0", "localhost": "localhost 0",
		"": "", "a b": "", "a@b": "", "a/b": "", "a?b": "", "a#b": "", "[fd00::7": "", "[a]": "", "[10.0.0.1]": "", "fd00::7": "", "a:b": "", "a:0": "", "a:65536": "", "a:+80": "",
		"a:80:80": "", "a..b": "", ".a": "", "a..": "", "ä.example": "", "a%2eb": "", "[fe80::1%25eth0]": "", "[fe80::1%eth0]": "", "a\x00": "", "a,b": "", ":80": "", "[::1]x": "", "a:000080": "",
	} {
		name, port, err := Authority(s)
		got := ""
		if err == nil {
			got = name + " " + itoa(port)
		}
		if got != want {
			t.Errorf("%q: %q %v, want %q", s, got, err, want)
		}
	}
}

func itoa(n uint16) string {
	s := ""
	for ; n > 0 || s == ""; n /= 10 {
		s = string(rune('0'+n%10)) + s
	}
	return s
}

func FuzzAuthority(f *testing.F) {
	f.Add("a.example:80")
	f.Add("[::1]:443")
	f.Fuzz(func(t *testing.T, s string) {
		name, _, err := Authority(s)
		if err != nil {
			return
		}
		if strings.ContainsAny(name, " \r\n/@?#[]%,") || name == "" {
			t.Fatalf("%q: %q", s, name)
		}
		again := name
		if strings.Contains(name, ":") {
			again = "[" + name + "]"
		}
		if got, port, err := Authority(again); err != nil || got != name || port != 0 {
			t.Fatalf("%q: %q, then %q %d %v", s, name, got, port, err)
		}
	})
}
