package tokens

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sallyport.dev/sallyport/internal/pulse"
)

func read(t *testing.T, src io.Reader, media string) string {
	t.Helper()
	var r Reader
	r.Reset(src, media)
	b, err := io.ReadAll(&r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// T35: tokens in what a token endpoint answers are stars, however the bytes come; all
// else is as it was.
func TestT35_TokensInAnswers(t *testing.T) {
	for _, tt := range []struct{ media, text, want string }{
		{"application/json", `{"access_token":"abc","token_type":"Bearer","expires_in":3600,"refresh_token":"de\"f"}`, `{"access_token":"***","token_type":"Bearer","expires_in":3600,"refresh_token":"*****"}`},
		{"application/json; charset=utf-8", " {\n  \"id_token\" : \"a.b.c\" ,\n \"scope\":\"access_token\" }", " {\n  \"id_token\" : \"*****\" ,\n \"scope\":\"access_token\" }"},
		{"application/vnd.x+json", `{"data":{"accessToken":"abc","x":[{"RefreshToken":"de"}]}}`, `{"data":{"accessToken":"***","x":[{"RefreshToken":"**"}]}}`},
		{"text/json", `[{"IdToken":"ab\\"},{"y":"z"}]`, `[{"IdToken":"****"},{"y":"z"}]`},
		{"text/javascript", `[ 1, {"IdToken":"ab"}]`, `[ 1, {"IdToken":"**"}]`},
		{"application/json", "\xef\xbb\xbf" + `{"access_token":"abc"}`, "\xef\xbb\xbf" + `{"access_token":"***"}`},
		{"application/json", `{"access_token":{"type":"string"},"refresh_token":null,"id_token":["a"],"access_token_url":"u"}`, `{"access_token":{"type":"string"},"refresh_token":null,"id_token":["a"],"access_token_url":"u"}`},
		{"application/json", `{"text":"{\"access_token\":\"abc\"}","access_token":""}`, `{"text":"{\"access_token\":\"abc\"}","access_token":""}`},
		{"application/json", `{"` + strings.Repeat("x", 200) + `access_token":"abc"}`, `{"` + strings.Repeat("x", 200) + `access_token":"abc"}`},
		{"text/html", `<b>{"access_token":"abc"}`, `<b>{"access_token":"abc"}`},
		{"application/x-www-form-urlencoded", "access_token=gho_1%3D2&scope=repo&token_type=bearer&refresh_token=x", "access_token=*********&scope=repo&token_type=bearer&refresh_token=*"},
		{"application/x-www-form-urlencoded", "scope=repo&access%5Ftoken=gho_1&%72efresh-token=a\n", "scope=repo&access%5Ftoken=*****&%72efresh-token=*\n"},
		{"application/json", ")]}',\n" + `{"access_token":"abc"}`, ")]}',\n" + `{"access_token":"***"}`},
		{"application/json", "while(1); " + `[{"access_token":"abc"}]`, "while(1); " + `[{"access_token":"***"}]`},
		{"text/event-stream", ": hello\ndata: connected\nevent: token\ndata: " + `{"access_token":"abc"}` + "\n\ndata:" + `{"id_token":"x"}`, ": hello\ndata: connected\nevent: token\ndata: " + `{"access_token":"***"}` + "\n\ndata:" + `{"id_token":"*"}`},
		{"application/x-amz-json-1.1", `{"Credentials":{"AccessKeyId":"ASIA","SecretAccessKey":"ab/c","SessionToken":"de"},"key":"v","secretAccessKey":"ab"}`, `{"Credentials":{"AccessKeyId":"ASIA","SecretAccessKey":"****","SessionToken":"**"},"key":"v","secretAccessKey":"**"}`},
		{"application/json", `{"registration_access_token":"abc","client_secret":"pi_1_secret_2"}`, `{"registration_access_token":"***","client_secret":"pi_1_secret_2"}`},
		{"text/xml", "<?xml version='1.0'?>\n<!-- don't --><Credentials>\n <AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>ab/c</SecretAccessKey>\n <SessionToken>\n  IQoJ=\n </SessionToken></Credentials>", "<?xml version='1.0'?>\n<!-- don't --><Credentials>\n <AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>****</SecretAccessKey>\n <SessionToken>\n  *****\n </SessionToken></Credentials>"},
		{"application/xml", `<a:sessionToken xmlns:a="x>/" b='/'>a&amp;b<!-- c --><![CDATA[d]]e]]>f</a:sessionToken><SessionToken/>g<SessionToken a="/" />h`, `<a:sessionToken xmlns:a="x>/" b='/'>*******<!-- c --><![CDATA[*]]*]]>*</a:sessionToken><SessionToken/>g<SessionToken a="/" />h`},
		{"application/xml", `<r><IdToken>a<b>c</b></IdToken><IdToken>d</IdToken ></r>`, `<r><IdToken>a<b>c</b></IdToken><IdToken>*</IdToken ></r>`},
		{"text/html", `<SessionToken>ab</SessionToken>`, `<SessionToken>ab</SessionToken>`},
		{"application/x-www-form-urlencoded", "a=access_token=b&access_token", "a=access_token=b&access_token"},
	} {
		for name, src := range map[string]io.Reader{
			"whole": strings.NewReader(tt.text), "bytes": iotest.OneByteReader(strings.NewReader(tt.text)), "halves": iotest.HalfReader(strings.NewReader(tt.text)),
		} {
			if got := read(t, src, tt.media); got != tt.want {
				t.Errorf("%s, %s:\n%s\n%s", tt.media, name, got, tt.want)
			}
		}
	}
}

// T35: an answer that does not say what it is is read by what it is.
func TestT35_TokensInAnswersThatSayNothing(t *testing.T) {
	const bearer = `"token_type":"Bearer","expires_in":3600`
	for _, tt := range []struct{ text, want string }{
		{`{"access_token":"upstream-token",` + bearer + `,"refresh_token":"de\"f"}`, `{"access_token":"**************",` + bearer + `,"refresh_token":"*****"}`},
		{"\n { " + bearer + `,"access_token":"abc"}` + "\n", "\n { " + bearer + `,"access_token":"***"}` + "\n"},
		{`{"data":[{"accessToken":"abc","expiresAt":"2026-01-02T03:04:05Z"}]}`, `{"data":[{"accessToken":"***","expiresAt":"2026-01-02T03:04:05Z"}]}`},
		{`{"id_token":"eyJhbGciOi1.eyJzdWIi.c2ln"}`, `{"id_token":"*************************"}`},
		{`{"Credentials":{"AccessKeyId":"ASIAX","SecretAccessKey":"ab/c","SessionToken":"de"}}`, `{"Credentials":{"AccessKeyId":"ASIAX","SecretAccessKey":"****","SessionToken":"**"}}`},
		{"access_token=gho_1%3D2&scope=repo&token_type=bearer", "access_token=*********&scope=repo&token_type=bearer"},
		{"token_type=bearer&access%5Ftoken=gho_1\n", "token_type=bearer&access%5Ftoken=*****\n"},
		{"access_token=EAACEdEose0cBA12345&expires=5183944", "access_token=*******************&expires=5183944"},
		{"<?xml version='1.0'?><R><Credentials><AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>ab/c</SecretAccessKey>\n<SessionToken a='b'>de</SessionToken></Credentials></R>", "<?xml version='1.0'?><R><Credentials><AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>****</SecretAccessKey>\n<SessionToken a='b'>**</SessionToken></Credentials></R>"},
	} {
		for _, media := range []string{"", "text/plain", "Text/Plain; charset=utf-8"} {
			for name, src := range map[string]io.Reader{
				"whole": strings.NewReader(tt.text), "bytes": iotest.OneByteReader(strings.NewReader(tt.text)), "halves": iotest.HalfReader(strings.NewReader(tt.text)), "last": iotest.DataErrReader(strings.NewReader(tt.text)),
			} {
				if got := read(t, src, media); got != tt.want {
					t.Errorf("%q, %s:\n%s\n%s", media, name, got, tt.want)
				}
			}
		}
	}
	cut := `{"token_type":"bearer","access_token":"abc`
	var r Reader
	r.Reset(io.MultiReader(strings.NewReader(cut), iotest.ErrReader(io.ErrUnexpectedEOF)), "text/plain")
	if got, err := io.ReadAll(&r); !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(string(got), "abc") {
		t.Errorf("of a broken answer came %q, %v", got, err)
	}
}

// What does not say what it is comes as it is sent, up to where a token may stand.
func TestSniffingDelaysNothing(t *testing.T) {
	for _, lines := range [][]string{{"working", ".", ".", "done\n"}, {`{"a":1}`, "\n", `{"b":`, "2}\n"}, {`{"said":"an access_token, [{"}`, "\n", `{"said":"a refresh_token"}`, "\n"}, {"<p>", "text"}, {"a=b", "&c=d"}} {
		pr, pw := io.Pipe()
		var r Reader
		r.Reset(pr, "text/plain")
		buf := make([]byte, 64)
		for _, line := range lines {
			go pw.Write([]byte(line)) //nolint:errcheck // a pipe that is read
			if n, err := io.ReadFull(&r, buf[:len(line)]); err != nil || string(buf[:n]) != line {
				t.Fatalf("%q, %v instead of %q", buf[:n], err, line)
			}
		}
		pw.Close()
	}
}

// T10: an answer that does not say what it is may be one that an agent has put there, and
// is read in the time that its length takes.
func TestT10_SniffedAnswersCostTheirLength(t *testing.T) {
	token, pad := `{"access_token":"gho_0123456789abcdef"}`, strings.Repeat(" ", 20<<10)
	for name, text := range map[string]string{
		"objects in objects":     strings.Repeat(`{"a":`, 9<<10) + token + strings.Repeat("}", 9<<10),
		"elements in elements":   strings.Repeat("<a>", 8<<10) + "<IdToken>a1b2c3d4e5f6a7b8</IdToken>" + strings.Repeat("</a>", 8<<10),
		"lists in lists":         `{"token_type":` + strings.Repeat("[", 9<<10) + strings.Repeat("]", 9<<10) + `,"access_token":"x"}`,
		"spaces behind a token":  `{"a":[` + strings.Repeat(`{"b":1},`, 4<<10) + token + "]}" + pad,
		"spaces before a token":  pad + pad + token,
		"spaces before a name":   "{" + pad + pad + token[1:],
		"comments in an element": "<a>" + strings.Repeat("b<!---->", 7<<10) + "<IdToken>c</IdToken></a>",
	} {
		before := pulse.Spent()
		read(t, iotest.OneByteReader(strings.NewReader(text)), "text/plain")
		if took := pulse.Spent() - before; took > 3*time.Second {
			t.Errorf("%s: %s", name, took)
		}
	}
}

// T35: what is no answer of a token endpoint comes as it is: what does not say that it is
// JSON, a form or XML, and what is none although it says so.
func TestT35_DownloadsAreLeftAlone(t *testing.T) {
	for _, tt := range []struct{ media, text string }{
		{"text/plain", "<p align=center><img></p>\ncurl -H 'Authorization: Bearer <ACCESS_TOKEN>' https://api\n\n## License\nMIT."},
		{"text/markdown", "<p>\n<ACCESS_TOKEN>abc</ACCESS_TOKEN>"},
		{"", "<p>\n<ACCESS_TOKEN>abc</ACCESS_TOKEN>"},
		{"text/plain; charset=utf-8", "u := base + \"?v=2&access_token=\" + tok\nfunc main() {}\n"},
		{"text/plain", "ACCESS_TOKEN=changeme\nPORT=80\n"},
		{"", "access_token=gho_1&scope=repo"},
		{"text/plain", `{"access_token":"abc"}`},
		{"text/plain", `{"access_token":"Zugriffstoken","refresh_token":"Auffrischung","token_type":"Art","expires_in":"Gut bis"}`},
		{"text/plain", `{"access_token":"the token, since 2024","expires_in":1}`},
		{"", `{"access_token":"https://login1.example/v2/token"}`},
		{"", `{"access_token":{"type":"string"},"expires_in":3600}`},
		{"text/plain", `{"token_type":"bearer","access_token":"abc"} and more`},
		{"text/plain", `{"token_type":"bearer","access_token":"abc"`},
		{"text/plain", `{"token_type":"bearer","access_token":"abc","x":"` + strings.Repeat("x", maxSniffed) + `"}`},
		{"text/plain", "access_token=gho_16C7e42F292c6912E7710&token_type=bearer\nPORT=80\n"},
		{"", "<p>\n<access_token>gho_16C7e42F292c6912E7710</access_token>"},
		{"", "<access-token>\n"},
		{"application/octet-stream", `{"access_token":"abc"}`},
		{"application/vnd.github.raw+json", `{"access_token":"abc"}`},
		{"application/json", `[a link](x) "access_token":"abc"`},
		{"application/json", `{% if x %}{"access_token":"abc"}`},
		{"text/html", `{"access_token":"abc"}`},
		{"image/svg+xml", `<AccessToken>ab</AccessToken>`},
		{"text/xml", "<p>curl -H 'Authorization: Bearer <ACCESS_TOKEN>' https://api\n\n## License\nMIT."},
		{"text/xml", "<p>curl -H 'Bearer <ACCESS_TOKEN>'</p>"},
		{"text/xml", "<p>curl -H 'Bearer <ACCESS_TOKEN>abc"},
		{"text/xml", "<p>curl -H 'Bearer <ACCESS_TOKEN>abc</b> </ACCESS_TOKEN>"},
		{"text/xml", "<AccessToken>of the account</AccessToken>"},
		{"text/xml", "<AccessToken>of<!-- --> <![CDATA[the]]></AccessToken>"},
		{"text/xml", "<AccessToken>" + strings.Repeat("x", maxValue) + "</AccessToken>"},
		{"text/xml", "no XML <AccessToken>x</AccessToken>"},
		{"application/x-www-form-urlencoded", "a b&access_token=x"},
		{"application/x-www-form-urlencoded", "x=1\naccess_token=x"},
		{"text/event-stream", "data: the {\"access_token\":\"abc\"}\n"},
	} {
		for name, src := range map[string]io.Reader{
			"whole": strings.NewReader(tt.text), "bytes": iotest.OneByteReader(strings.NewReader(tt.text)), "last": iotest.DataErrReader(strings.NewReader(tt.text)),
		} {
			if got := read(t, src, tt.media); got != tt.text {
				t.Errorf("%s, %s:\n%s\n%s", tt.media, name, got, tt.text)
			}
		}
	}
}

// inPieces reads all of r, so much at a time.
func inPieces(r io.Reader, size int) (got []byte) {
	for buf := make([]byte, size); ; {
		n, err := r.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			return got
		}
	}
}

// FuzzReader holds what is read against what a parser of JSON sees.
func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"access_token":"abc","x":["\"",{"idToken":"y"}]}`), uint8(3))
	f.Add([]byte(`{"a":"\\","refresh-token":"\u0041\"b"}`), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		var r Reader
		r.Reset(bytes.NewReader(b), "application/json")
		got := inPieces(&r, int(size)+1)
		if len(got) != len(b) {
			t.Fatalf("%d bytes become %d", len(b), len(got))
		}
		var before, after any
		if json.Unmarshal(b, &before) != nil {
			return
		}
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("%q becomes %q: %v", b, got, err)
		}
		hide(before)
		hide(after)
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%q becomes %q", b, got)
		}
	})
}

// FuzzXML holds what is read against what a parser of XML sees.
func FuzzXML(f *testing.F) {
	f.Add([]byte(`<a><SessionToken>abc</SessionToken><b x="<'>">d</b></a>`), uint8(1))
	f.Add([]byte(`<x:AccessToken>a<![CDATA[b]]]]>c<!--d-->e</x:AccessToken>`), uint8(3))
	f.Add([]byte(`<!-- don't --><IdToken a = '/'>x</IdToken>`), uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		if len(b) == 0 || b[0] != '<' {
			return
		}
		var r Reader
		r.Reset(bytes.NewReader(b), "text/xml")
		got := inPieces(&r, int(size)+1)
		if len(got) != len(b) {
			t.Fatalf("%d bytes become %d", len(b), len(got))
		}
		for i := range b {
			if got[i] != b[i] && got[i] != '*' {
				t.Fatalf("%q becomes %q", b, got)
			}
		}
		if !document(b) || bytes.Contains(b, []byte("<!DOCTYPE")) {
			return
		}
		before, after := values(b), values(got)
		if !document(got) || len(before) != len(after) {
			t.Fatalf("%q becomes %q", b, got)
		}
		for i, v := range before {
			if hides := v.given && len(strings.Fields(v.text)) == 1; hides == (strings.Trim(after[i].text, "* \t\r\n]") != "") && strings.Trim(v.text, "* \t\r\n]") != "" || !hides && v.text != after[i].text {
				t.Fatalf("%q becomes %q: %q becomes %q", b, got, v.text, after[i].text)
			}
		}
	})
}

// FuzzSniff holds that nothing but the bytes of tokens changes, in any pieces.
func FuzzSniff(f *testing.F) {
	f.Add([]byte(`{"access_token":"abc","token_type":"bearer"}`), uint8(3))
	f.Add([]byte("access_token=abc&expires=1"), uint8(1))
	f.Add([]byte("<a><SessionToken>abc</SessionToken><AccessKeyId>ASIA</AccessKeyId></a>"), uint8(7))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		var r Reader
		r.Reset(bytes.NewReader(b), "")
		got := inPieces(&r, int(size)+1)
		if whole := read(t, bytes.NewReader(b), "text/plain"); whole != string(got) || len(got) != len(b) {
			t.Fatalf("%q becomes %q, or %q", b, got, whole)
		}
		for i := range b {
			if got[i] != b[i] && got[i] != '*' {
				t.Fatalf("%q becomes %q", b, got)
			}
		}
	})
}

func document(b []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		if _, err := d.Token(); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// A value is what stands in a document between two tags.
type value struct {
	given bool // in an element that is a token, and alone
	text  string
}

// values gives those of a document.
func values(b []byte) []value {
	d := xml.NewDecoder(bytes.NewReader(b))
	var list []value
	now := value{}
	for {
		one, err := d.RawToken()
		if err != nil {
			return append(list, now)
		}
		switch one := one.(type) {
		case xml.StartElement:
			now.given = false
			list, now = append(list, now), value{given: token([]byte(one.Name.Local))}
		case xml.EndElement:
			list, now = append(list, now), value{}
		case xml.CharData:
			now.text += string(one)
		}
	}
}

// hide takes out of v what must have been masked, and fails nothing else.
func hide(v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			hide(one)
		}
	case map[string]any:
		for name, one := range v {
			if _, text := one.(string); text && token([]byte(name)) {
				v[name] = "masked"
				continue
			}
			hide(one)
		}
	}
}

func BenchmarkReader(b *testing.B) {
	text := []byte(`{"items":[` + strings.Repeat(`{"name":"some name","text":"words and words and words","n":12},`, 200) + `{}]}`)
	var r Reader
	buf := make([]byte, 16<<10)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r.Reset(bytes.NewReader(text), "application/json")
		for {
			if _, err := r.Read(buf); err != nil {
				break
			}
		}
	}
}
