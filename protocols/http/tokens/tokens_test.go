package tokens

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
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
		{"text/plain", `[{"IdToken":"ab\\"},{"y":"z"}]`, `[{"IdToken":"****"},{"y":"z"}]`},
		{"", "\xef\xbb\xbf" + `{"access_token":"abc"}`, "\xef\xbb\xbf" + `{"access_token":"***"}`},
		{"application/json", `{"access_token":{"type":"string"},"refresh_token":null,"id_token":["a"],"access_token_url":"u"}`, `{"access_token":{"type":"string"},"refresh_token":null,"id_token":["a"],"access_token_url":"u"}`},
		{"application/json", `{"text":"{\"access_token\":\"abc\"}","access_token":""}`, `{"text":"{\"access_token\":\"abc\"}","access_token":""}`},
		{"application/json", `{"` + strings.Repeat("x", 200) + `access_token":"abc"}`, `{"` + strings.Repeat("x", 200) + `access_token":"abc"}`},
		{"text/html", `<b>{"access_token":"abc"}`, `<b>{"access_token":"abc"}`},
		{"application/x-www-form-urlencoded", "access_token=gho_1%3D2&scope=repo&token_type=bearer&refresh_token=x", "access_token=*********&scope=repo&token_type=bearer&refresh_token=*"},
		{"text/plain", "access_token=gho_1&scope=repo", "access_token=*****&scope=repo"},
		{"", "scope=repo&access_token=gho_1", "scope=repo&access_token=*****"},
		{"text/plain; charset=utf-8", "the access_token=gho_1 in a sentence", "the access_token=gho_1 in a sentence"},
		{"application/x-amz-json-1.1", `{"Credentials":{"AccessKeyId":"ASIA","SecretAccessKey":"ab/c","SessionToken":"de"},"key":"v","secretAccessKey":"ab"}`, `{"Credentials":{"AccessKeyId":"ASIA","SecretAccessKey":"****","SessionToken":"**"},"key":"v","secretAccessKey":"**"}`},
		{"application/json", `{"registration_access_token":"abc","client_secret":"pi_1_secret_2"}`, `{"registration_access_token":"***","client_secret":"pi_1_secret_2"}`},
		{"text/xml", "<?xml version='1.0'?>\n<!-- don't --><Credentials>\n <AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>ab/c</SecretAccessKey>\n <SessionToken>\n  IQoJ=\n </SessionToken></Credentials>", "<?xml version='1.0'?>\n<!-- don't --><Credentials>\n <AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>****</SecretAccessKey>\n <SessionToken>\n  *****\n </SessionToken></Credentials>"},
		{"application/xml", `<a:sessionToken xmlns:a="x>/" b='/'>a&amp;b<!-- c --><![CDATA[d]]e]]>f</a:sessionToken><SessionToken/>g<SessionToken a="/" />h`, `<a:sessionToken xmlns:a="x>/" b='/'>*******<!-- c --><![CDATA[*]]*]]>*</a:sessionToken><SessionToken/>g<SessionToken a="/" />h`},
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

// FuzzReader holds what is read against what a parser of JSON sees.
func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"access_token":"abc","x":["\"",{"idToken":"y"}]}`), uint8(3))
	f.Add([]byte(`{"a":"\\","refresh-token":"\u0041\"b"}`), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		var r Reader
		r.Reset(bytes.NewReader(b), "application/json")
		var got []byte
		for buf := make([]byte, int(size)+1); ; {
			n, err := r.Read(buf)
			got = append(got, buf[:n]...)
			if err != nil {
				break
			}
		}
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
		blank(before)
		blank(after)
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
		var got []byte
		for buf := make([]byte, int(size)+1); ; {
			n, err := r.Read(buf)
			got = append(got, buf[:n]...)
			if err != nil {
				break
			}
		}
		if len(got) != len(b) {
			t.Fatalf("%d bytes become %d", len(b), len(got))
		}
		if !document(b) || bytes.Contains(b, []byte("<!DOCTYPE")) {
			return
		}
		if text := shown(got); text != "" || !document(got) {
			t.Fatalf("%q becomes %q and shows %q", b, got, text)
		}
	})
}

func document(b []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		if _, err := d.Token(); err != nil {
			return err == io.EOF
		}
	}
}

// shown gives what a document says in the elements that are tokens, as far as it is not
// hidden.
func shown(b []byte) string {
	d := xml.NewDecoder(bytes.NewReader(b))
	hidden, text := false, ""
	for {
		one, err := d.RawToken()
		if err != nil {
			return text
		}
		switch one := one.(type) {
		case xml.StartElement:
			hidden = token([]byte(one.Name.Local))
		case xml.EndElement:
			hidden = false
		case xml.CharData:
			if hidden {
				text += strings.Trim(string(one), "* \t\r\n]")
			}
		}
	}
}

// blank takes out of v what must have been masked, and fails nothing else.
func blank(v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			blank(one)
		}
	case map[string]any:
		for name, one := range v {
			if _, text := one.(string); text && token([]byte(name)) {
				v[name] = "masked"
				continue
			}
			blank(one)
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
