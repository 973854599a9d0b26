package reply

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

func room(int64) error { return nil }

func TestHead(t *testing.T) {
	taker := Of(100, http.Header{"Set-Cookie": {"sid=hunter2"}}, room)
	taker.Head(http.Header{ // as it is once an injected secret was looked for
		"Content-Type": {"text/plain"}, "X-Auth-Token": {"hunter2"}, "X-Api-Key": {"hunter2"}, "X-Note": {"a", "b\xff"}, "X-Long": {strings.Repeat("x", 2000)},
		"Location":         {"https://a.example/cb?state=1&code=hunter2#access_token=hunter2&x=1"},
		"X-Dsn":            {"postgres://bo:hunter2@db/app"},
		"Www-Authenticate": {"Bearer realm=x"},
	})
	taker.End(http.Header{"X-Late": {"v"}, "X-Signature": {"hunter2"}})
	a := taker.Answer(room)
	got := map[string]string{}
	for _, f := range append(a.Fields, a.Trailers...) {
		got[f.Name] = strings.Join(f.Values, "|")
		if f.Hidden {
			got[f.Name] = "-" + got[f.Name]
		}
	}
	want := map[string]string{
		"Content-Type": "text/plain", "X-Auth-Token": "-", "X-Api-Key": "-", "X-Note": "a|b\ufffd", "X-Long": strings.Repeat("x", maxValue) + "…", "Www-Authenticate": "-",
		"Location": "https://a.example/cb?state=1&code=[hidden]#access_token=[hidden]&x=1", "X-Dsn": "-", "Set-Cookie": "-", "X-Late": "v", "X-Signature": "-",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	if text := fmt.Sprintf("%+v", a); strings.Contains(text, "hunter2") || a.Cut || a.Untold != "" {
		t.Error(text)
	}
}

// T31: what stands in a field behind the name of a secret, or of a scheme, is in no
// record, wherever in the value that is, and also of who reads it without a proof.
func TestT31_FieldsKeepNoNamedSecrets(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"Location", "https://client.example/cb#access_token=hunter2&state=xyz", "https://client.example/cb#access_token=[hidden]&state=xyz"},
		{"Location", "https://client.example/cb?access%5Ftoken=hunter2&state=xyz", "https://client.example/cb?access%5Ftoken=[hidden]&state=xyz"},
		{"Location", "/login?next=https%3A%2F%2Fh%2Fcb%3Ftoken%3Dhunter2&a=1", "/login?next=[hidden]&a=1"},
		{"Location", "/login?next=%2Fa&a=1", "/login?next=%2Fa&a=1"},
		{"Link", `<https://h/x?page=2>; rel="next", <https://h/x?token=hunter2>; rel="last"`, `<https://h/x?page=2>; rel="next", <https://h/x?token=[hidden]>; rel="last"`},
		{"Refresh", "0;url=https://h/x;access_token=hunter2", "0;url=https://h/x;access_token=[hidden]"},
		{"Refresh", "0;url=https://h/x?page=2", "0;url=https://h/x?page=2"},
		{"X-Acl", "Bearer hunter2", "Bearer [hidden]"},
		{"X-Acl", "for you: token hunter2", "for you: token [hidden]"},
		{"X-Note", "password: hunter2, and more", "password:[hidden]"},
		{"X-Note", `token = "hunter2 hunter2"; a=b`, `token =[hidden]"; a=b`},
		{"Sec-Websocket-Protocol", "base64url.bearer.authorization.k8s.io.hunter2, v4", "base64url.bearer.[hidden], v4"},
		{"Date", "Thu, 26 Nov 2026 01:02:03 GMT", "Thu, 26 Nov 2026 01:02:03 GMT"},
		{"Vary", "Authorization, Cookie", "Authorization, Cookie"},
		{"Cache-Control", "max-age=60, private", "max-age=60, private"},
	} {
		h := http.Header{tt.name: {tt.value}}
		taker := Of(100, h, room)
		taker.Head(h)
		taker.End(nil)
		a := taker.Answer(room).Bare()
		if len(a.Fields) != 1 || strings.Join(a.Fields[0].Values, "|") != tt.want {
			t.Errorf("%s: %s: %+v\nwant %s", tt.name, tt.value, a.Fields, tt.want)
		}
	}
}

// T31: what was sent and is too short to be looked for in an answer is in nothing that
// is recorded of it, in whatever form, and wherever the record is cut.
func TestT31_ShortSecretsInAnyForm(t *testing.T) {
	const secret = "hunter2pass"
	for _, form := range []string{
		secret, "HUNTER2PASS", `hunte\u00722pass`, "hunter2&#112;ass", "hunter2%70ass", "hunte&#92;u00722pass", hex.EncodeToString([]byte(secret)),
		strings.ToUpper(hex.EncodeToString([]byte(secret))), base64.StdEncoding.EncodeToString([]byte("u:" + secret + "x")), base64.StdEncoding.EncodeToString([]byte("us:" + secret)),
	} {
		for _, typ := range []string{"text/plain", "application/json", "text/html", form + "/json"} {
			taker := Of(4000, http.Header{}, room)
			taker.Hide(func() []string { return []string{secret} })
			taker.Head(http.Header{"Content-Type": {typ}, "X-" + form: {"x"}, "X-Long": {strings.Repeat("x", maxValue-4) + form}})
			taker.Write([]byte(`before ` + form + ` behind`))
			taker.End(http.Header{"X-Late": {form}})
			a := taker.Answer(room)
			var all strings.Builder
			e := json.NewEncoder(&all)
			e.SetEscapeHTML(false)
			if err := e.Encode(a); err != nil || strings.Contains(all.String(), form) || strings.Contains(all.String(), secret[:4]) {
				t.Errorf("%s, %s: %s", form, typ, all.String())
			}
			if a.Text == "" && a.Untold == "" || strings.Contains(a.Text, form) {
				t.Errorf("%s: nothing tells why there is no text: %s", form, all.String())
			}
		}
	}
	for _, tt := range []struct{ secret, typ, body string }{
		{"12345678901", "application/json", `{"a":1,"pin":12345678901,"b":2}`},
		{"correct hors", "text/plain", "all is well correct hors yes and more of it"},
		{"correct hors", "application/json", `{"a":"all is correct hors yes and more of it"}`},
	} {
		for most := range len(tt.body) {
			taker := Of(int64(most+1), http.Header{}, room)
			taker.Hide(func() []string { return []string{tt.secret} })
			taker.Head(http.Header{"Content-Type": {tt.typ}})
			taker.Write([]byte(tt.body))
			taker.End(nil)
			if a := taker.Answer(room); strings.Contains(a.Text, tt.secret[:3]) {
				t.Errorf("%s, cut at %d: %s", tt.body, most+1, a.Text)
			}
		}
	}
	if b := briefOf([]string{"hunter2"}); strings.Contains(fmt.Sprint(b.shut("all of hunter2, xHunter2x")), "unter") {
		t.Error("a value stays")
	}
}

// T50: what an upstream puts into its head and behind its body does not grow a record.
func TestT50_HeadsAreBounded(t *testing.T) {
	h := http.Header{}
	for i := range 500 {
		h[fmt.Sprintf("X-%d", i)] = []string{strings.Repeat("y", 500), strings.Repeat("z", 5000)}
	}
	taker := Of(100, h, room)
	taker.Head(h)
	for range 1000 {
		taker.Write([]byte(strings.Repeat("some words ", 100)))
	}
	taker.End(h)
	a := taker.Answer(room)
	if n := a.Held(); n > 12<<10 || len(a.Text) > 100 || a.Size != 1_100_000 || !a.Cut || a.More != 1000-len(a.Fields)-len(a.Trailers) {
		t.Errorf("%d bytes, %d of text of %d, %d more", n, len(a.Text), a.Size, a.More)
	}
}

// T50: what is kept of a body takes no more room than was reserved for it, however much
// of it is hidden.
func TestT50_MaskedBodiesAreBounded(t *testing.T) {
	const most = 16 << 10
	for body, short := range map[string][]string{
		`{"key":[` + strings.Repeat("1,", most/2-8) + `1]}`: nil,
		strings.Repeat("key\n1\n\n", most/7):                nil,
		strings.Repeat("hunt ", most/5):                     {"hunt"},
		`{"key":[` + strings.Repeat("2,", most/2-8) + `1]}`: {"hidden", "hidd"},
	} {
		var reserved int64
		taker := Of(most, http.Header{}, func(n int64) error { reserved += n; return nil })
		taker.Hide(func() []string { return short })
		taker.Head(http.Header{"Content-Type": {"text/plain"}})
		taker.Write([]byte(body))
		taker.End(nil)
		a := taker.Answer(room)
		if len(a.Text)+most > int(reserved) || reserved > 8*most || !a.Hidden && a.Untold == "" || len(a.Text) == growth*most && !a.Cut {
			t.Errorf("%.20s: %d bytes of %d, %d are reserved; hidden %v, cut %v", body, len(a.Text), len(body), reserved, a.Hidden, a.Cut)
		}
	}
}

func TestBody(t *testing.T) {
	for _, tt := range []struct {
		name, typ, coding string
		pieces            []string
		ends              bool
		want              action.Answer
	}{
		{"whole", "application/json; charset=utf-8", "", []string{`{"a":`, `1}`}, true, action.Answer{Type: "application/json", Size: 7, Text: `{"a":1}`}},
		{"longer than is kept", "application/json", "identity", []string{`{"a":"` + strings.Repeat("word ", 10)}, true, action.Answer{Type: "application/json", Size: 56, Text: `{"a":"word word word word word `, Cut: true}},
		{"broken off", "application/json", "", []string{`{"a":1,`}, false, action.Answer{Type: "application/json", Size: 7, Text: `{"a":1,`, Cut: true}},
		{"a secret", "application/json", "", []string{`{"token":"x"}`}, true, action.Answer{Type: "application/json", Size: 13, Text: `{"token":"[hidden]"}`, Hidden: true}},
		{"none", "", "", nil, true, action.Answer{}},
		{"none came", "application/json", "", nil, false, action.Answer{Cut: true}},
		{"bytes", "image/png", "", []string{"\x89PNG"}, true, action.Answer{Type: "image/png", Size: 4, Untold: "it is no text"}},
		{"in a coding that is unknown", "application/json", "dcb", []string{"x"}, true, action.Answer{Type: "application/json", Size: 1, Untold: "its coding cannot be undone"}},
	} {
		h := http.Header{}
		if tt.typ != "" {
			h.Set("Content-Type", tt.typ)
		}
		if tt.coding != "" {
			h.Set("Content-Encoding", tt.coding)
		}
		taker := Of(32, h, room)
		taker.Head(h)
		for _, p := range tt.pieces {
			taker.Write([]byte(p))
		}
		if tt.ends {
			taker.End(nil)
		}
		a := taker.Answer(room)
		a.Fields = nil
		if fmt.Sprintf("%+v", *a) != fmt.Sprintf("%+v", tt.want) {
			t.Errorf("%s: %+v\nwant %+v", tt.name, *a, tt.want)
		}
	}
}

// T57: an agent that leaves no memory for what it is answered does not hide that it was.
func TestT57_NoMemoryIsSaid(t *testing.T) {
	full := func(int64) error { return errors.New("no") }
	h := http.Header{"Content-Type": {"text/plain"}, "X-Long": {"y"}}
	taker := Of(100, h, full)
	taker.Hide(func() []string { return []string{"hunter2"} })
	taker.Head(h)
	taker.Write([]byte("some words"))
	taker.End(http.Header{"X-Late": {"z"}})
	a := taker.Answer(full)
	if a == nil || a.Size != 10 || a.More != 3 || a.Text != "" || a.Cut || !strings.HasPrefix(a.Untold, "there was no memory") || len(a.Fields)+len(a.Trailers) > 0 {
		t.Errorf("%+v", a)
	}
}

// Where nothing is kept, nothing is taken down.
func TestNothingIsTakenDown(t *testing.T) {
	h := http.Header{"Content-Type": {"text/plain"}}
	for _, taker := range []*Taker{Of(0, h, room), nil} {
		taker.Head(h)
		taker.Write([]byte("x"))
		taker.End(h)
		if a := taker.Answer(room); a != nil {
			t.Errorf("%+v", a)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		taker := Of(0, h, func(n int64) error { return room(n) })
		taker.Head(h)
		taker.Write([]byte("x"))
		taker.End(h)
		taker.Answer(room)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
