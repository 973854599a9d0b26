package content

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

const (
	form     = "application/x-www-form-urlencoded"
	document = "application/json"
)

func TestKeep(t *testing.T) {
	for _, tt := range []struct {
		name, typ, body string
		want            string // "-": nothing is kept
		hidden          bool
	}{
		{"a document", document, `{"amount": 12.50, "b" : [1, null]}`, `{"amount": 12.50, "b" : [1, null]}`, false},
		{"spaces and keys that stand twice stay", document, "{ \"a\":1,\r\n\t\"a\":2 }", "{ \"a\":1,\r\n\t\"a\":2 }", false},
		{"a password", document, `{"user":"bo","password":"hunter2"}`, `{"user":"bo","password":"[hidden]"}`, true},
		{"an escaped name", document, `{"pass\u0077ord" : "hunter2"}`, `{"pass\u0077ord" : "[hidden]"}`, true},
		{"another case", document, `{"ApiKey":"hunter2"}`, `{"ApiKey":"[hidden]"}`, true},
		{"a secret number", document, `{"code":123456,"n":1}`, `{"code":"[hidden]","n":1}`, true},
		{"inside of what is secret", document, `{"credentials":{"a":"hunter2","b":["hunter2",true,null,7]}}`, `{"credentials":{"a":"[hidden]","b":["[hidden]",true,null,"[hidden]"]}}`, true},
		{"a secret by its look", document, `{"note":"use ghp_0123456789abcdefghijABCDEFGHIJ012345"}`, `{"note":"[hidden]"}`, true},
		{"a signed token", document, `["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJibyJ9.c2lnbmF0dXJl"]`, `["[hidden]"]`, true},
		{"a password in a URL", document, `{"dsn":"postgres://bo:hunter2@db/app"}`, `{"dsn":"[hidden]"}`, true},
		{"arguments of a tool", document, `{"arguments":"{\"api_key\":\"hunter2\"}"}`, `{"arguments":"[hidden]"}`, true},
		{"a command", document, `{"Cmd":["curl","-H","X-Vault-Token: hunter2","--token", "hunter2", "a<b"]}`, `{"Cmd":["curl","-H","X-Vault-Token: [hidden]","--token", "[hidden]", "a<b"]}`, true},
		{"a command in a line", document, `{"command":"curl -H 'Authorization: Bearer hunter2' https://h; rm -rf /"}`, `{"command":"curl -H 'Authorization: Bearer [hidden]' https://h; rm -rf /"}`, true},
		{"commands that hold none", document, `{"args":["git","log","--author=bo"],"command":"ls -l | wc"}`, `{"args":["git","log","--author=bo"],"command":"ls -l | wc"}`, false},
		{"how much a model may say", document, `{"model":"m","max_tokens":100}`, `{"model":"m","max_tokens":100}`, false},
		{"no strict document", document, `{"password":"hunter2"`, "-", false},
		{"two documents", document, `{} {"password":"hunter2"}`, "-", false},
		{"no document at all", document, `password=hunter2`, "-", false},
		{"a form", form, "a=1&b=x%20y", "a=1&b=x%20y", false},
		{"a password in a form", form, "user=bo&pass%77ord=hunter2&client_secret=hunter2", "user=bo&pass%77ord=%5Bhidden%5D&client_secret=%5Bhidden%5D", true},
		{"a password in a list", form, "user[password]=hunter2", "user[password]=%5Bhidden%5D", true},
		{"a document sent as a form", form, `{"password":"hunter2"}`, "-", false},
		{"a form that readers take differently", form, "a=1;password=hunter2", "-", false},
		{"text", "text/plain", "password: hunter2", "-", false},
		{"files", "multipart/form-data; boundary=x", "--x\r\n", "-", false},
		{"another character set", document + "; charset=utf-16", `{"a":1}`, "-", false},
		{"no text", document, "[\"\xff\"]", "-", false},
		{"no type", "", `{"a":1}`, "-", false},
		{"too large", document, `{"a":"` + strings.Repeat("x", 1000) + `"}`, "-", false},
		{"too large where it is kept", document, `{"a":"` + strings.Repeat("\x01", 900) + `"}`, "-", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var typ []string
			if tt.typ != "" {
				typ = []string{tt.typ}
			}
			k := Keep(typ, nil, []byte(tt.body), 1000)
			switch {
			case k == nil && tt.want != "-":
				t.Fatal("nothing is kept")
			case k != nil && (k.Text != tt.want || k.Hidden != tt.hidden):
				t.Fatalf("%+v, want %s", k, tt.want)
			}
		})
	}
}

// What was taken out cannot be told any more; all else is as it was.
func TestKeptIsReadAgain(t *testing.T) {
	typ := []string{document}
	k := Keep(typ, nil, []byte(`{"amount": 7, "token": "hunter2", "in": {"api_key": 5, "x": "y"}}`), 1000)
	b := k.Body(typ, nil)
	doc, state := b.JSON()
	if state != action.Known || !b.Masked() {
		t.Fatal(state)
	}
	if v, _ := at(doc, "amount"); v != "7" {
		t.Errorf("amount: %q", v)
	}
	if v, _ := at(doc, "in", "x"); v != "y" {
		t.Errorf("in.x: %q", v)
	}
	for _, path := range [][]string{{"token"}, {"in", "api_key"}} {
		n := doc
		for _, key := range path {
			n, _ = n.Member(key)
		}
		if n.Kind != action.NodeHidden {
			t.Errorf("%v: kind %d", path, n.Kind)
		}
	}
	if _, s := b.Text(); s != action.Pending {
		t.Errorf("the text is %d", s)
	}
	if _, s := b.Arg("token"); s != action.Pending {
		t.Errorf("the argument is %d", s)
	}
	if v, s := b.Arg("amount"); s != action.Known || v[0] != "7" {
		t.Errorf("%v, %d", v, s)
	}

	typ = []string{form}
	b = Keep(typ, nil, []byte("a=1&token=x&token=y"), 1000).Body(typ, nil)
	if v, s := b.Form("a"); s != action.Known || v[0] != "1" {
		t.Errorf("%v, %d", v, s)
	}
	if _, s := b.Form("token"); s != action.Pending {
		t.Errorf("a hidden field is %d", s)
	}
	whole := Keep(typ, nil, []byte("a=%5Bhidden%5D"), 1000).Body(typ, nil)
	if v, s := whole.Form("a"); s != action.Known || v[0] != Masked {
		t.Errorf("the word itself: %v, %d", v, s)
	}
	if text, s := whole.Text(); s != action.Known || text != "a=%5Bhidden%5D" {
		t.Errorf("%q, %d", text, s)
	}
	if _, s := Keep(typ, nil, nil, 10).Body(typ, nil).Form("a"); s != action.Absent {
		t.Errorf("of no body: %d", s)
	}
}

// A compressed body is kept as it reads, and is judged as the compressed one was: of
// a form nothing is known.
func TestKeepReadsCompressedBodies(t *testing.T) {
	zip := func(text string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(text)); err != nil || w.Close() != nil {
			t.Fatal("gzip fails")
		}
		return b.Bytes()
	}
	encoding := []string{"gzip"}
	for _, tt := range []struct{ typ, text, want string }{
		{document, `{"a":1,"token":"x"}`, `{"a":1,"token":"[hidden]"}`},
		{form, "a=1", "a=1"},
	} {
		typ := []string{tt.typ}
		k := Keep(typ, encoding, zip(tt.text), 1000)
		if k == nil || k.Text != tt.want {
			t.Fatalf("%s: %+v", tt.text, k)
		}
		live, again := Read(typ, encoding, zip(tt.text)), k.Body(typ, encoding)
		a, s := live.Arg("a")
		b, u := again.Arg("a")
		if fmt.Sprint(a, s) != fmt.Sprint(b, u) {
			t.Errorf("%s: a was %v, %d and is %v, %d", tt.text, a, s, b, u)
		}
	}
	if k := Keep([]string{document}, encoding, zip(`{"a":"`+strings.Repeat("x", 2000)+`"}`), 1000); k != nil {
		t.Error("a body that grows beyond the bound is kept")
	}
	if k := Keep([]string{document}, []string{"rot13"}, []byte(`{"a":1}`), 1000); k != nil {
		t.Error("a body in an unknown coding is kept")
	}
}

// Whatever is kept says the same as the body did, where nothing was taken out, and
// names no secret.
func FuzzKeep(f *testing.F) {
	f.Add(true, `{"a":{"b":[1,2.50,"x"]},"max_tokens":5}`)
	f.Add(true, `{"password":"hunter2-secret","a":"{\"token\":\"hunter2-secret\"}"}`)
	f.Add(false, "a=1&b=%20&token=hunter2-secret")
	f.Fuzz(func(t *testing.T, isJSON bool, body string) {
		typ := []string{form}
		if isJSON {
			typ = []string{document}
		}
		k := Keep(typ, nil, []byte(body), 4096)
		if k == nil {
			return
		}
		live, again := Read(typ, nil, []byte(body)), k.Body(typ, nil)
		if !k.Hidden {
			a, s := live.Text()
			b, u := again.Text()
			if a != b || s != u {
				t.Fatalf("%q, %d is kept as %q, %d", a, s, b, u)
			}
		}
		_, s := live.JSON()
		doc, u := again.JSON()
		if s != u {
			t.Fatalf("the document of %q was %d and is %d", body, s, u)
		}
		if doc != nil && doc.Kind == action.NodeObject {
			for i, key := range doc.Keys {
				if strings.EqualFold(key, "password") && doc.Items[i].Kind == action.NodeString && doc.Items[i].Str != "" {
					t.Fatalf("a password is kept: %q", k.Text)
				}
			}
		}
	})
}
