package content

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sallyport.dev/sallyport/internal/pulse"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

func TestBegin(t *testing.T) {
	const marked = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
	for _, tt := range []struct {
		name, typ, body string
		whole           bool
		want            string // "!": nothing, for the reason behind it
		hidden          bool
	}{
		{"a document", document, `{"a": 1, "b": [2.50]}`, true, `{"a": 1, "b": [2.50]}`, false},
		{"a new token", document, `{"id":7,"token":"hunter2"}`, true, `{"id":7,"token":"[hidden]"}`, true},
		{"a marked one", document, `{"note":"use ` + marked + `"}`, true, `{"note":"[hidden]"}`, true},
		{"of another kind", "application/problem+json", `{"secret":"hunter2"}`, true, `{"secret":"[hidden]"}`, true},
		{"a document without its type", "", `{"secret":"hunter2"}`, true, `{"secret":"[hidden]"}`, true},
		{"a document as text", "text/plain; charset=utf-8", ` {"secret":"hunter2"}`, true, ` {"secret":"[hidden]"}`, true},
		{"no document, but called one", document, `{'password': 'hunter2', 'a': 1}`, true, `{'password[hidden]`, true},
		{"broken, but whole", document, `{"a":1,"token":"hunter2`, true, `{"a":1,"token[hidden]`, true},

		{"an address in a document", document, `{"download_url":"https://raw.example/o/r/f?token=hunter2","url":"https://raw.example/o/r/f?page=2"}`, true, `{"download_url":"[hidden]","url":"https://raw.example/o/r/f?page=2"}`, true},
		{"a log in a document", document, `{"log":"up\nDB_PASSWORD=hunter2\n","n":"all is well, now"}`, true, `{"log":"[hidden]","n":"all is well, now"}`, true},
		{"a field in a document", document, `{"log":"Authorization: Bearer hunter2"}`, true, `{"log":"[hidden]"}`, true},
		{"a scheme in a document", document, `{"log":"use Bearer hunter2","n":"a bearer of bad news"}`, true, `{"log":"[hidden]","n":"a bearer of bad news"}`, true},
		{"a signed address", document, `["https://b.example/o?X-Amz-Signature=hunter2&X-Amz-Security-Token=hunter2"]`, true, `["[hidden]"]`, true},
		{"a document in a document", document, `{"a":"{\"url\":\"https://h/?token=hunter2\"}","b":"{\"n\": 1}"}`, true, `{"a":"[hidden]","b":"{\"n\": 1}"}`, true},
		{"a name beside its value", document, `[{"name":"DB_PASSWORD","value":"hunter2"},{"name":"PORT","value":"1"}]`, true, `[{"name":"DB_PASSWORD","value":"[hidden]"},{"name":"PORT","value":"1"}]`, true},
		{"a name behind its value", document, `{"Parameter":{"Value":"hunter2","Name":"/prod/db_password"},"Value":"x"}`, true, `{"Parameter":{"Value":"[hidden]","Name":"/prod/db_password"},"Value":"x"}`, true},
		{"values of such a name", document, `{"key":"x","field":"session","values":[{"a":"hunter2"}]}`, true, `{"key":"[hidden]","field":"session","values":[{"a":"[hidden]"}]}`, true},
		{"a value whose name is cut off", document, `{"a":1,"l":[{"value":"hunter2 hunter2","na`, false, `{"a":1,"l":[{"value":"[hidden]",`, true},
		{"a value that is cut, without its name", document, `{"l":[{"value":"hunter2 hunter2`, false, `{"l":[{"value":`, false},
		{"columns in a document", document, `{"columns":["user","password"],"rows":[["bob","hunter2"]]}`, true, "!" + columns, false},
		{"columns behind rows", document, `{"rows":[["bob","hunter2"]],"columns":[{"name":"user"},{"name":"password"}]}`, true, "!" + columns, false},
		{"columns that may be cut off", document, `{"rows":[["bob","hunter2"],["al","hun`, false, "!" + columns, false},
		{"columns of no secrets", document, `{"columns":["id","name"],"rows":[[1,"al"],[2,"bo`, false, `{"columns":["id","name"],"rows":[[1,"al"],[2,`, false},
		{"a number, cut", document, `{"a":1,"pin":12345`, false, `{"a":1,"pin":`, false},

		{"cut behind a value", document, `{"a":1,"b":"x y",`, false, `{"a":1,"b":"x y",`, false},
		{"cut inside of a text", document, `{"a":1,"b":"one two thr`, false, `{"a":1,"b":"one two `, false},
		{"cut inside of a letter", document, "{\"a\":\"one tw\xc3", false, `{"a":"one `, false},
		{"cut inside of a secret", document, `{"a":1,"token":"one two thr`, false, `{"a":1,"token":`, false},
		{"cut behind one", document, `{"token":"hunter2","b":[1,`, false, `{"token":"[hidden]","b":[1,`, true},
		{"cut inside of what holds one", document, `{"credentials":{"user":"bo bo`, false, `{"credentials":{"user":`, false},
		{"cut inside of a marked one", document, `{"a":"use ` + marked[:25], false, `{"a":"use `, false},
		{"cut behind a marked one", document, `{"a":"use ` + marked + ` or `, false, `{"a":`, false},
		{"cut inside of a tool's arguments", document, `{"arguments":"{\"api_key\": \"hunter2 `, false, `{"arguments":`, false},
		{"cut inside of a name", document, `{"a":1,"passw`, false, `{"a":1,`, false},
		{"cut inside of a word", document, `{"a":1,"b":tr`, false, `{"a":1,"b":`, false},
		{"two documents, cut", document, `{"a":1} {"token":"hunter2"`, false, `{"a":1} `, false},

		{"a form", form, "a=1&token=x", true, "a=1&token=%5Bhidden%5D", true},
		{"a form, cut", form, "a=1&token=x&pass", false, "a=1&token=%5Bhidden%5D&", true},

		{"lines of documents", "application/x-ndjson", "{\"a\":1}\n{\"token\":\"x\"}\n{\"b\":\"y z", false, "{\"a\":1}\n{\"token\":\"[hidden]\"}\n{\"b\":\"y ", true},
		{"columns as lines of documents", "application/x-ndjson", "[\"user\",\"password\"]\n[\"bob\",\"hunter2\"]\n", true, "!" + columns, false},
		{"events", "text/event-stream", "event: message\ndata: {\"token\":\"x\",\"n\":1}\n\n: beat\ndata: [DONE]\n\n", true, "event: message\ndata: {\"token\":\"[hidden]\",\"n\":1}\n\n: beat\ndata: [DONE]\n\n", true},
		{"events, cut", "text/event-stream", "data: {\"n\":1}\n\ndata: {\"n\":2,\"t\":\"some wor", false, "data: {\"n\":1}\n\ndata: {\"n\":2,\"t\":\"some ", false},
		{"an event over lines", "text/event-stream", "data: {\ndata: \"token\": \"x\"\ndata: }\n\n", true, "data: {\ndata: \"token\": \"[hidden]\"\ndata: }\n\n", true},
		{"an event of lines of text", "text/event-stream", "data: password:\ndata: hunter2\ndata: b\n\ndata: c\n\n", true, "data: password:\ndata: [hidden]\ndata: b\n\ndata: c\n\n", true},
		{"an event over lines, with a name below", "text/event-stream", "data: {\"value\": \"hunter2\",\ndata: \"name\": \"password\"}\n\n", true, "data: {\"value\": \"[hidden]\",\ndata: \"name\": \"password\"}\n\n", true},
		{"an event over lines, cut", "text/event-stream", "data: {\"n\": 1,\ndata: \"token\": \"hunter2 hunter2", false, "data: {\"n\": 1,\ndata: \"token\": ", false},

		{"text", "text/plain", "All is well.\r\nYour session has expired, log in again\n", true, "All is well.\r\nYour session has expired, log in again\n", false},
		{"a word of two", "text/plain", "Invalid token", true, "Invalid token", false},
		{"variables", "text/plain", "HOST=db\nDB_PASSWORD=hunter2\nPORT=1\n", true, "HOST=db\nDB_PASSWORD[hidden]\nPORT=1\n", true},
		{"a field", "text/plain", "Authorization: Bearer x\n", true, "Authorization[hidden]\n", true},
		{"without a sign between", "text/plain", "machine x login y password hunter2", true, "machine x login y password[hidden]", true},
		{"a name above its value", "text/plain", "password:\n  hunter2\n  hunter3\nnext: 1\n", true, "password:\n  [hidden]\n  [hidden]\nnext: 1\n", true},
		{"a block of YAML", "application/yaml", "data:\n  token: |\n    hunter2\n    more\n  name: x\n", true, "data:\n  token: |\n    [hidden]\n    [hidden]\n  name: x\n", true},
		{"names above columns", "text/plain", "NAME  TOKEN\nbo    hunter2\nal    hunter3\n\nbye\n", true, "[hidden]\n[hidden]\n[hidden]\n\nbye\n", true},
		{"a marked one in text", "text/plain", "first\nuse " + marked + " now\n", true, "first\n[hidden]\n", true},
		{"a private key", "text/plain", "x\n-----BEGIN PRIVATE KEY-----\nMIIE\nabc\n-----END PRIVATE KEY-----\ny\n", true, "x\n[hidden]\n[hidden]\n[hidden]\n[hidden]\ny\n", true},
		{"a URL with a password", "text/plain", "see postgres://bo:hunter2@db/app", true, "[hidden]", true},
		{"an escaped address", "text/plain", "see /login?n=%70assword%3Dhunter2 now\n", true, "see /login?n=[hidden]\n", true},
		{"columns between commas", "text/plain", "user,password\nbob,hunter1\nalice,hunter2", true, "!" + columns, false},
		{"columns between semicolons", "text/plain", "all users\n\nuser;password\nbob;hunter1\n", true, "!" + columns, false},
		{"lines that end otherwise", "text/plain", "a: b\rpassword:\rhunter2\rc: d\r", true, "a: b\npassword:\n[hidden]\nc: d\n", true},
		{"events whose lines end otherwise", "text/event-stream", "data: {\"token\":\rdata: \"hunter2\"}\r\rdata: x\r", true, "data: {\"token\":\ndata: \"[hidden]\"}\n\ndata: x\n", true},
		{"columns, cut", "text/plain", "id,user,password,x\n1,hunter2 hunter", false, "!" + columns, false},
		{"columns between spaces", "text/plain", "user password\nbob hunter1\nalice hunter2\n", true, "user password\n[hidden]\n[hidden]\n", true},
		{"columns between spaces, cut", "text/plain", "user password shell\nbob hunter1 /bin", false, "user password shell\n[hidden]", true},
		{"a sentence with a comma", "text/plain", "Bad token, log in again.\nYes, again.\n", true, "Bad token, log in again.\nYes, again.\n", false},
		{"one column", "text/plain", "password\nhunter1\nhunter2\n\nbye\n", true, "password\n[hidden]\n[hidden]\n\nbye\n", true},
		{"one column, underlined", "text/plain", "Password\n--------\nhunter2\n", true, "Password\n--------\n[hidden]\n", true},
		{"a name of two words above", "text/plain", "Your API token\n\nhunter2\nbye\n", true, "Your API token\n\n[hidden]\nbye\n", true},
		{"a dump", "text/plain", "-- of users\nINSERT INTO users (name, password) VALUES\n('bob','hunter1');\n", true, "!" + dumped, false},
		{"a dump by copy", "application/yaml", "COPY public.users (name, password) FROM stdin;\nbob\thunter1\n", true, "!" + dumped, false},
		{"a dump in a document", document, `{"q":"INSERT INTO users VALUES ('hunter2')"}`, true, `{"q":"[hidden]"}`, true},
		{"a list of YAML", "application/yaml", "passwords:\n- hunter1\n- hunter2\nnext: 1\n", true, "passwords:\n[hidden]\n[hidden]\nnext: 1\n", true},
		{"objects of YAML", "application/yaml", "api_keys:\n- id: 1\n  value: hunter1\n- id: 2\n  value: hunter2\nnext: 1\n", true, "api_keys:\n[hidden]\n  [hidden]\n[hidden]\n  [hidden]\nnext: 1\n", true},
		{"a list of TOML", "application/toml", "passwords = [\n\"hunter1\",\n\"hunter2\",\n]\nnext = 1\n", true, "passwords = [\n[hidden]\n[hidden]\n[hidden]\nnext = 1\n", true},
		{"a list that begins with its name", "application/toml", "passwords = [\"hunter0\",\n\"hunter1\"\n]\nnext = 1\n", true, "passwords[hidden]\n[hidden]\n[hidden]\nnext = 1\n", true},
		{"a line that goes on", "text/plain", "export PASSWORD=\\\nhunter2\\\nhunter3\nA=1\n", true, "export PASSWORD=\\\n[hidden]\n[hidden]\nA=1\n", true},
		{"a text over lines", "application/toml", "password = \"\"\"\nhunter1\n\nhunter2\n\"\"\"\nnext = 1\n", true, "password = \"\"\"\n[hidden]\n[hidden]\n[hidden]\n[hidden]\nnext = 1\n", true},
		{"a document of a shell", "text/plain", "TOKEN=$(cat <<EOF\nhunter1\n\nhunter2\nEOF\n)\nA=1\n", true, "TOKEN[hidden]\n[hidden]\n[hidden]\n[hidden]\n[hidden]\n[hidden]\nA=1\n", true},
		{"a value that is folded", "application/yaml", "token: hunter1\n  hunter2\nnext: 1\n", true, "token[hidden]\n  [hidden]\nnext: 1\n", true},
		{"what is too long for a word", "text/plain", "blob " + strings.Repeat("x", 65) + " end", true, "blob [hidden]", true},
		{"text, cut inside of a marked one", "text/plain", "use " + marked[:15], false, "use ", false},

		{"a page", "text/html", "<h1>502 Bad Gateway</h1>", true, "<h1>502 Bad Gateway</h1>", false},
		{"a page with a field", "text/html", `<input value="hunter2" name="csrf_token">`, true, "!" + named, false},
		{"a list of properties", "application/xml", "<key>password</key><string>hunter2</string>", true, "!" + named, false},
		{"columns", "text/csv", "name,token\nbo,hunter2\n", true, "!" + columns, false},
		{"bytes", "application/octet-stream", "abc", true, "!" + noText, false},
		{"bytes, called a document", document, "{\"a\":\"\xff\"}", true, "!" + noText, false},
		{"zeros", "text/plain", "a\x00b", true, "!" + noText, false},
		{"another character set", "text/plain; charset=utf-16", "ab", true, "!" + charset, false},
		{"parts", "multipart/mixed; boundary=x", "--x\r\n\r\nhunter2\r\n--x--", true, "!" + noText, false},
		{"nothing", document, "", true, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var typ []string
			if tt.typ != "" {
				typ = []string{tt.typ}
			}
			b := Begin(typ, []byte(tt.body), tt.whole)
			got := b.Text
			if b.Untold != "" {
				got += "!" + b.Untold
			}
			if got != tt.want || b.Hidden != tt.hidden || b.Cut == tt.whole {
				t.Errorf("%q %+v\nwant %q", got, b, tt.want)
			}
			if strings.Contains(b.Text, "hunter") || strings.Contains(b.Text, marked[:20]) {
				t.Errorf("a secret is kept: %q", b.Text)
			}
		})
	}
}

// T50: no answer takes long to be looked at, and what is kept grows no more than that
// every second byte of it becomes Masked.
func TestT50_LookingIsBounded(t *testing.T) {
	const most = 64 << 10
	for _, piece := range []string{
		"=", "=%", "a=%3D", "token ", "Token a ", "token=", "token:", "token\n", "\"", "%25", "[", "{\"value\":", "{\"name\":[", `\"`, "a,\n", "data:\n", "data: {\n", "password:\n-\n",
		"://:@", "eyJ.", "<<", "(", "1,", `"",`, `{"value":1},`, "x\n", "token;", "insert into;", "\r", "bearer.", "key=1&", "key&",
	} {
		for _, front := range []string{"", "{\"key\":[", "[\""} {
			text := []byte(front + strings.Repeat(piece, most/len(piece)))
			for i, typ := range []string{document, "text/plain", "text/event-stream"} {
				before := pulse.Spent()
				b := Begin([]string{typ}, text, i != 1)
				if d := pulse.Spent() - before; d > 10*time.Second {
					t.Errorf("%q, %q, %s: %v", front, piece, typ, d)
				}
				if len(b.Text) > 6*len(text) {
					t.Errorf("%q, %q, %s: %d bytes of %d", front, piece, typ, len(b.Text), len(text))
				}
			}
		}
	}
}

// What stands behind a name is looked for in the time that the length of a text takes.
func TestParametersCostTheirLength(t *testing.T) {
	for _, piece := range []string{"a:", "a://", "a:b@", "=", "a=", "a=%3a", "a:\"", "%22a%22:"} {
		before := pulse.Spent()
		parameters(strings.Repeat(piece, (512<<10)/len(piece)), false, nested)
		if d := pulse.Spent() - before; d > 5*time.Second {
			t.Fatalf("%q: %v", piece, d)
		}
	}
}

// Of a coding as much is undone as is there, within its bound.
func TestUnpack(t *testing.T) {
	text := strings.Repeat(`{"n":12345,"t":"some words"}`+"\n", 200)
	for coding, z := range map[string]func(io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"BR":      func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
		"zstd":    func(w io.Writer) io.WriteCloser { e, _ := zstd.NewWriter(w); return e },
		"deflate": deflater,
	} {
		packed := squeeze(t, z, text)
		if plain, whole, ok := Unpack(coding, packed, 16<<10, true); !ok || !whole || string(plain) != text {
			t.Errorf("%s: %d bytes, %v, %v", coding, len(plain), whole, ok)
		}
		if plain, whole, ok := Unpack(coding, packed, 1000, true); !ok || whole || string(plain) != text[:1000] {
			t.Errorf("%s, bounded: %d bytes, %v, %v", coding, len(plain), whole, ok)
		}
		if plain, whole, _ := Unpack(coding, packed[:len(packed)-3], 16<<10, false); whole || !strings.HasPrefix(text, string(plain)) {
			t.Errorf("%s, cut: %d bytes, %v", coding, len(plain), whole)
		}
		bomb := squeeze(t, z, strings.Repeat("x", 1<<20))
		if plain, whole, ok := Unpack(coding, bomb[:min(len(bomb), 16<<10)], 16<<10, false); ok && (whole || len(plain) > 16<<10) {
			t.Errorf("%s, a bomb: %d bytes, %v", coding, len(plain), whole)
		}
		if _, _, ok := Unpack(coding, []byte("no such thing"), 1000, true); ok && coding != "BR" {
			t.Errorf("%s: nonsense is undone", coding)
		}
	}
	if _, _, ok := Unpack("rot13", []byte("x"), 100, true); ok {
		t.Error("an unknown coding is undone")
	}
}

func BenchmarkBegin(b *testing.B) {
	list := make([]map[string]any, 200)
	for i := range list {
		list[i] = map[string]any{"id": i, "title": "Checkout fails with two coupons", "user": map[string]string{"login": "octo"}, "token": "x", "labels": []string{"bug"}}
	}
	doc, err := json.Marshal(list)
	if err != nil {
		b.Fatal(err)
	}
	for name, body := range map[string][]byte{"JSON": doc, "text": []byte(strings.Repeat("Some words of a page, one line after another.\n", 400))} {
		typ := []string{map[bool]string{true: document, false: "text/plain"}[name == "JSON"]}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(16 << 10)
			b.ReportAllocs()
			for b.Loop() {
				Begin(typ, body[:16<<10], false)
			}
		})
	}
}

// Whatever an answer is, what is kept of it is text, and has no value of the name of
// a secret and nothing marked as one in it.
func FuzzBegin(f *testing.F) {
	f.Add("application/json", true, `{"a":{"b":[1,2.50,"x"]}, "c": "d`)
	f.Add("text/event-stream", false, "data: {\"a\":1}\n\ndata: {\"b\":")
	f.Add("text/plain", true, "a: b\n  c\nNAME  TOKEN\n")
	f.Add("text/html", true, "<a href=x>y</a>")
	f.Add(form, false, "a=1&b=2")
	f.Add("text/0", false, "\v")
	f.Fuzz(func(t *testing.T, typ string, whole bool, body string) {
		const value = "hunter2-correct-horse"
		const marked = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
		for _, text := range []string{
			body, "password=" + value + "\n" + body, `{"password":"` + value + `","x":` + body, body + "\npassword: " + value, body + " " + marked + " x",
			`{"x":[` + body + `,{"api_key":"` + value + `"}]}`,
		} {
			b := Begin([]string{typ}, []byte(text), whole)
			switch {
			case !utf8.ValidString(b.Text), b.Untold != "" && b.Text != "":
				t.Fatalf("%q: %+v", text, b)
			case strings.Contains(b.Text, value) && !strings.Contains(body, "\"") && !strings.ContainsAny(body, "'`\\"):
				t.Fatalf("%q keeps %q", text, b.Text)
			case strings.Contains(b.Text, marked):
				t.Fatalf("%q keeps what is marked: %q", text, b.Text)
			case whole && IsJSON(typ) && json.Valid([]byte(text)) && b.Text != "" && !json.Valid([]byte(b.Text)) && !strings.Contains(b.Text, Masked):
				t.Fatalf("%q becomes %q", text, b.Text)
			}
		}
	})
}

func FuzzUnpack(f *testing.F) {
	for coding, z := range map[string]func(io.Writer) io.WriteCloser{"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, "deflate": deflater} {
		f.Add(coding, squeeze(f, z, "some words"))
	}
	f.Add("br", br(f, "some words"))
	f.Add("zstd", []byte("\x28\xb5\x2f\xfd"))
	f.Fuzz(func(t *testing.T, coding string, raw []byte) {
		plain, whole, ok := Unpack(coding, raw, 4096, true)
		if len(plain) > 4096 || whole && !ok {
			t.Fatalf("%d bytes, %v, %v", len(plain), whole, ok)
		}
		again, _, _ := Unpack(coding, raw, 100, true)
		if !bytes.HasPrefix(plain, again) {
			t.Fatalf("%q, then %q", plain, again)
		}
	})
}

func deflater(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }
