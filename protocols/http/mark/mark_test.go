package mark

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/placeholder"
)

// What an agent shows in the place of a key is told, and all else raises an alarm.
func TestHead(t *testing.T) {
	m := placeholder.New(vault.NewSecret([]byte("a key of a gateway, as it is made")))
	mine, spare := m.Of("me", "api", "KEY"), m.Of("me", "twin", "KEY")
	other, foreign := m.Of("me", "bank", "BANK_KEY"), m.Of("you", "api", "KEY")
	aws := m.Of("me", "api", "AWS_ACCESS_KEY_ID")
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct{ what, field, value, uri, shown, alarm string }{
		{"a bearer token", "Authorization", "Bearer " + mine, "/", "KEY header Authorization", ""},
		{"a token of GitHub's old kind", "Authorization", "token " + mine, "/", "KEY header Authorization", ""},
		{"a password", "Authorization", basic("user:" + mine), "/", "KEY header Authorization", ""},
		{"a user", "Authorization", basic(mine + ":"), "/", "KEY header Authorization", ""},
		{"a signature", "Authorization", "AWS4-HMAC-SHA256 Credential=" + aws + "/20260101/eu/s3/aws4_request, Signature=0", "/", "AWS_ACCESS_KEY_ID header Authorization", ""},
		{"a usual field", "X-Api-Key", mine, "/", "KEY header X-Api-Key", ""},
		{"a field that the service declares", "X-Own", mine, "/", "KEY header X-Own", ""},
		{"a cookie that it declares", "Cookie", "a=b; session=" + mine, "/", "KEY cookie session", ""},
		{"a parameter that it declares", "", "", "/?a=b&token=" + mine, "KEY query token", ""},
		{"of no use, and no harm", "Authorization", "Bearer " + spare, "/", " header Authorization", ""},
		{"nothing", "Authorization", "Bearer any", "/?a=b", "", ""},

		{"another field", "X-Note", mine, "/", "", "header X-Note"},
		{"a part of a field", "Authorization", "Bearer x" + mine, "/", "", "header Authorization"},
		{"another cookie", "Cookie", "other=" + mine, "/", "", "cookie other"},
		{"another parameter", "", "", "/?q=" + mine, "", "query"},
		{"the path", "", "", "/" + mine + "/x", "", "path"},
		{"another service's", "Authorization", "Bearer " + other, "/", "", "header Authorization"},
		{"another agent's", "Authorization", "Bearer " + foreign, "/", "", "header Authorization"},
		{"in base64", "X-Note", base64.StdEncoding.EncodeToString([]byte(mine)), "/", "", "header X-Note"},
	} {
		var alarms, shown []string
		own := map[string]string{mine: "KEY", spare: "", aws: "AWS_ACCESS_KEY_ID"}
		w := m.Watch(own, []string{"header X-Own", "cookie session", "query token"}, func(s placeholder.Sighting) { alarms = append(alarms, s.Where) })
		r := &http.Request{Header: http.Header{"Accept": {"*/*"}}, RequestURI: c.uri}
		if c.field != "" {
			r.Header[c.field] = []string{c.value}
		}
		for _, s := range Head(w, r) {
			shown = append(shown, s.Variable+" "+s.Slot)
		}
		if strings.Join(shown, ",") != c.shown || strings.Join(alarms, ",") != c.alarm {
			t.Errorf("%s: shown %q, alarms %q; want %q, %q", c.what, shown, alarms, c.shown, c.alarm)
		}
	}
}

func TestBody(t *testing.T) {
	m := placeholder.New(vault.NewSecret([]byte("a key of a gateway, as it is made")))
	var alarms []string
	w := m.Watch(nil, nil, func(s placeholder.Sighting) { alarms = append(alarms, s.Where) })
	text := fmt.Sprintf(`{"note":%q}`, m.Of("a", "b", "C"))
	r := &http.Request{Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text))}
	Body(w, r)
	if b, err := io.ReadAll(r.Body); err != nil || string(b) != text || !slices.Equal(alarms, []string{"body"}) {
		t.Errorf("%s, %v, alarms %q", b, err, alarms)
	}
	Body(nil, r)
	if Head(nil, r) != nil {
		t.Error("nobody looks, and something is shown")
	}
}

func FuzzHead(f *testing.F) {
	m := placeholder.New(vault.NewSecret([]byte("a key of a gateway, as it is made")))
	mine := m.Of("me", "api", "KEY")
	f.Add("Authorization", "Bearer "+mine, "/?token="+mine)
	f.Add("Cookie", "a="+mine+";;b", "?"+mine+"=%zz")
	f.Fuzz(func(t *testing.T, name, value, uri string) {
		told := 0
		w := m.Watch(map[string]string{mine: "KEY"}, []string{"query token"}, func(placeholder.Sighting) { told++ })
		shown := Head(w, &http.Request{Header: http.Header{name: {value}}, RequestURI: uri})
		if told+len(shown) == 0 && strings.Contains(value, mine) {
			t.Fatalf("%q: %q passes unseen", name, value)
		}
	})
}
