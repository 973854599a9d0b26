package content

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
)

func read(typ, text string) *Body { return Read([]string{typ}, nil, []byte(text)) }

// at walks a path of keys, and says what is there.
func at(n *action.Node, path ...string) (string, action.State) {
	for _, key := range path {
		var state action.State
		if n, state = n.Member(key); state != action.Known {
			return "", state
		}
	}
	if n.Kind == action.NodeUnclear {
		return "", action.Unknown
	}
	return n.Str, action.Known
}

func TestJSON(t *testing.T) {
	b := read("application/json; charset=UTF-8", `{"amount": 12.5, "currency": "EUR", "force": true, "none": null, "in": {"Key": "v"}}`)
	doc, state := b.JSON()
	if state != action.Known {
		t.Fatal("a plain document is not known")
	}
	for _, tt := range []struct {
		path  string
		want  string
		state action.State
	}{
		{"amount", "12.5", action.Known},
		{"currency", "EUR", action.Known},
		{"force", "true", action.Known},
		{"in.Key", "v", action.Known},
		{"in.key", "", action.Unknown},
		{"in.other", "", action.Absent},
		{"missing", "", action.Absent},
		{"Amount", "", action.Unknown},
		{"none.x", "", action.Absent},
		{"amount.x", "", action.Unknown},
	} {
		if got, state := at(doc, strings.Split(tt.path, ".")...); got != tt.want || state != tt.state {
			t.Errorf("%s is %q, %v", tt.path, got, state)
		}
	}
}

// What two readers could take differently is unknown, and never {}.
func TestT27_UnclearJSON(t *testing.T) {
	for name, text := range map[string]string{
		"nothing but space": " ", "two documents": `{} {}`, "a byte order mark": "\xef\xbb\xbf{}",
		"broken off": `{"a": 1`, "not UTF-8": "{\"a\": \"\xff\"}", "a key not UTF-16": `{"\ud800": 1}`, "a key with an end inside": `{"a\u0000b": 1}`,
		"too deep": strings.Repeat("[", 100) + strings.Repeat("]", 100), "a comment": `{} // x`, "a bare word": `{a: 1}`,
		"too many values": "[" + strings.Repeat("0,", maxNodes) + "0]",
	} {
		if _, state := read("application/json", text).JSON(); state != action.Unknown {
			t.Errorf("%s: %v", name, state)
		}
	}
	for name, text := range map[string]string{
		"twice": `{"a": 1, "a": 2}`, "thrice": `{"a": 1, "a": 1, "a": 1}`, "but for case": `{"a": 1, "A": 2}`,
		"escaped": `{"a": 1, "\u0061": 2}`, "an end inside": `{"a": "admin\u0000"}`, "Kelvin": `{"k": 1, "\u212a": 1, "a": "\ud800"}`,
		"too fine": `{"a": 50.000000000000001}`, "too large": `{"a": 9007199254740993}`, "huge": `{"a": 1e999999999}`, "tiny": `{"a": 1e-400}`,
	} {
		doc, state := read("application/json", text).JSON()
		if state != action.Known {
			t.Errorf("%s: the document is %v", name, state)
			continue
		}
		if got, state := at(doc, "a"); state != action.Unknown {
			t.Errorf("%s: a is %q, %v", name, got, state)
		}
	}
}

func TestCost(t *testing.T) {
	if size := int(reflect.TypeFor[action.Node]().Size()); size != nodeSize {
		t.Errorf("a node takes %d bytes", size)
	}
	for _, tt := range []struct {
		encoding []string
		n        int
		want     int64
	}{{nil, 100, 400 + 100*nodeSize}, {nil, 1 << 20, 4<<20 + maxNodes*nodeSize}, {[]string{"gzip"}, 1 << 20, 24<<20 + maxNodes*nodeSize}, {[]string{"br"}, 1 << 20, 32<<20 + maxNodes*nodeSize}} {
		if got := Cost(tt.encoding, tt.n); got != tt.want {
			t.Errorf("%v of %d costs %d, want %d", tt.encoding, tt.n, got, tt.want)
		}
	}
}

func TestForm(t *testing.T) {
	b := read("application/x-www-form-urlencoded", "a=1&b=x+y&b=2&c=%0A")
	for name, want := range map[string][]string{"a": {"1"}, "b": {"x y", "2"}, "c": {"\n"}} {
		if got, state := b.Form(name); state != action.Known || !slices.Equal(got, want) {
			t.Errorf("%s is %q, %v", name, got, state)
		}
	}
	if _, state := b.Form("z"); state != action.Absent {
		t.Errorf("z is %v", state)
	}
	for _, text := range []string{"a=1;b=2", "a=%zz", "a=\xff"} {
		if _, state := read("application/x-www-form-urlencoded", text).Form("a"); state != action.Unknown {
			t.Errorf("%q is %v", text, state)
		}
	}
}

// A body of another type, in another encoding or character set, is unknown; no
// body is absent.
func TestOtherBodies(t *testing.T) {
	for name, b := range map[string]*Body{
		"text": read("text/plain", "{}"), "UTF-16": read("application/json; charset=utf-16", "{}"), "no type": Read(nil, nil, []byte("{}")),
		"two types": Read([]string{"application/json", "text/plain"}, nil, []byte("{}")),
		"no brotli": Read([]string{"application/json"}, []string{"br"}, []byte("{}")),
		"no zstd":   Read([]string{"application/json"}, []string{"zstd"}, []byte("{}")),
		"two codes": Read([]string{"application/json"}, []string{"gzip", "gzip"}, []byte("{}")),
	} {
		_, doc := b.JSON()
		_, form := b.Form("a")
		_, arg := b.Arg("a")
		if doc != action.Unknown || form != action.Unknown || arg != action.Unknown {
			t.Errorf("%s: %v %v %v", name, doc, form, arg)
		}
	}
	b := read("application/json", "")
	_, doc := b.JSON()
	_, form := b.Form("a")
	_, arg := b.Arg("a")
	_, text := b.Text()
	if doc != action.Absent || form != action.Absent || arg != action.Absent || text != action.Absent {
		t.Errorf("no body: %v %v %v %v", doc, form, arg, text)
	}
}

func TestArg(t *testing.T) {
	for _, tt := range []struct {
		typ, text string
		want      string
		state     action.State
	}{
		{"application/json", `{"a": "x"}`, "x", action.Known},
		{"application/json", `{"a": 1.50}`, "1.5", action.Known},
		{"application/json", `{"a": 1e2}`, "100", action.Known},
		{"application/json", `{"a": false}`, "false", action.Known},
		{"application/json", `{"a": null}`, "", action.Absent},
		{"application/json", `{"a": [1]}`, "", action.Unknown},
		{"application/json", `[{"a": 1}]`, "", action.Unknown},
		{"application/x-www-form-urlencoded", "a=x", "x", action.Known},
		{"application/x-www-form-urlencoded", "b=x", "", action.Absent},
	} {
		got, state := read(tt.typ, tt.text).Arg("a")
		if strings.Join(got, ",") != tt.want || state != tt.state {
			t.Errorf("%s is %q, %v", tt.text, got, state)
		}
	}
}

func TestT26_Compressed(t *testing.T) {
	squeeze := func(text string) (gz, zl []byte) {
		var a, b bytes.Buffer
		g, z := gzip.NewWriter(&a), zlib.NewWriter(&b)
		for _, w := range []interface {
			Write([]byte) (int, error)
			Close() error
		}{g, z} {
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return a.Bytes(), b.Bytes()
	}
	gz, zl := squeeze(`{"a": "x"}`)
	for code, raw := range map[string][]byte{"gzip": gz, "GZIP": gz, "deflate": zl} {
		if got, _ := Read([]string{"application/json"}, []string{code}, raw).Arg("a"); !slices.Equal(got, []string{"x"}) {
			t.Errorf("%s: %q", code, got)
		}
	}
	bomb, _ := squeeze(`{"a": "` + strings.Repeat("x", 1<<20) + `"}`)
	cut := gz[:len(gz)-6]
	for name, raw := range map[string][]byte{"a bomb": bomb, "broken off": cut} {
		if _, state := Read([]string{"application/json"}, []string{"gzip"}, raw).Text(); state != action.Unknown {
			t.Errorf("%s is %v", name, state)
		}
	}
}

// What some readers take in and others leave is unknown: a second part, and what
// stands in the head of gzip where a reader of forms does not unpack.
func TestT26_CompressedTwoWays(t *testing.T) {
	pack := func(comment string, parts ...string) []byte {
		var b bytes.Buffer
		for _, part := range parts {
			g := gzip.NewWriter(&b)
			g.Comment = comment
			if _, err := g.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
			if err := g.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return b.Bytes()
	}
	const form = "application/x-www-form-urlencoded"
	for name, raw := range map[string][]byte{
		"a second part": pack("", "amount=5", "0"), "bytes behind": append(pack("", "amount=5"), "&amount=50"...),
	} {
		if text, state := Read([]string{"text/plain"}, []string{"gzip"}, raw).Text(); state != action.Unknown {
			t.Errorf("%s: %q, %v", name, text, state)
		}
	}
	if got, state := Read([]string{form}, []string{"gzip"}, pack("&role=admin&", "role=user")).Form("role"); state != action.Unknown {
		t.Errorf("a form in gzip: %q, %v", got, state)
	}
	if got, state := Read([]string{form}, []string{"identity"}, []byte("role=user")).Form("role"); state != action.Known {
		t.Errorf("a form as it is: %q, %v", got, state)
	}
}

// A field that some readers take for another makes that unknown, and so does a form
// that others read as JSON.
func TestT27_UnclearForms(t *testing.T) {
	for _, text := range []string{
		"Role=admin", "role=user&ROLE=admin", "role[]=admin", "role[0]=admin", "role[x]=admin", "+role=admin", "%20role=user&role=user",
		`{"role":"admin"}`, ` [{"role":"admin"}]`, "\ufeff{\"role\":\"admin\"}",
	} {
		if got, state := read("application/x-www-form-urlencoded", text).Form("role"); state != action.Unknown {
			t.Errorf("%s: %q, %v", text, got, state)
		}
		if got, state := read("application/x-www-form-urlencoded", text).Arg("role"); state != action.Unknown {
			t.Errorf("%s: %q, %v as an argument", text, got, state)
		}
	}
	if got, state := read("application/x-www-form-urlencoded", "user.name=a").Form("user_name"); state != action.Unknown {
		t.Errorf("a dot: %q, %v", got, state)
	}
	for _, text := range []string{"role=user&roles=x&rol=y&x[role]=1", "a={}&role=user"} {
		if got, state := read("application/x-www-form-urlencoded", text).Form("role"); state != action.Known || !slices.Equal(got, []string{"user"}) {
			t.Errorf("%s: %q, %v", text, got, state)
		}
	}
}

// A text in another character set is not what it looks like.
func TestT27_OtherCharacters(t *testing.T) {
	for typ, text := range map[string]string{
		"text/plain; charset=utf-16le": "d\x00r\x00o\x00p\x00", "text/plain; charset=UTF-7": "+AGQ-rop", "text/plain; charset=ibm037": "x",
		"text/plain; charset*=utf-8''utf-7": "+AGQ-rop", "text/plain; charset=utf-8; charset=utf-7": "+AGQ-rop", "text/plain, x; charset=utf-7": "+AGQ-rop",
	} {
		if got, state := read(typ, text).Text(); state != action.Unknown {
			t.Errorf("%s: %q, %v", typ, got, state)
		}
	}
	for _, typ := range []string{"text/plain", "text/plain; charset=UTF-8", `text/plain; charset="us-ascii"`, "multipart/form-data; boundary=x"} {
		if got, state := read(typ, "drop").Text(); state != action.Known || got != "drop" {
			t.Errorf("%s: %q, %v", typ, got, state)
		}
	}
	if _, state := Read(nil, nil, []byte("drop")).Text(); state != action.Known {
		t.Errorf("without a type: %v", state)
	}
}

// Whatever a body is, reading it ends, and what it says of a key does not depend on
// the order in which it is asked.
func FuzzRead(f *testing.F) {
	f.Add("application/json", "", []byte(`{"a": [1, {"b": "\ud800"}], "A": 1e5}`))
	f.Add("application/x-www-form-urlencoded", "", []byte("a=1&a=%41;b"))
	f.Add("application/problem+json", "gzip", []byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, typ, encoding string, raw []byte) {
		b := Read([]string{typ}, []string{encoding}, raw)
		doc, state := b.JSON()
		if state == action.Known {
			depth(t, doc, 0)
		}
		first, one := b.Arg("a")
		b.Form("A")
		again, two := b.Arg("a")
		if one != two || !slices.Equal(first, again) {
			t.Errorf("a is %q, then %q", first, again)
		}
	})
}

func depth(t *testing.T, n *action.Node, at int) {
	if at > maxDepth || len(n.Keys) > len(n.Items) {
		t.Fatalf("%d keys, %d items, %d deep", len(n.Keys), len(n.Items), at)
	}
	for i := range n.Items {
		depth(t, &n.Items[i], at+1)
	}
}

// Some services take the method from the body of a POST.
func TestT23_Override(t *testing.T) {
	form, doc := "application/x-www-form-urlencoded", "application/json"
	for _, c := range []struct {
		typ, text, want string
		state           action.State
	}{
		{form, "a=1&_method=delete", "delete", action.Known},
		{form, "a=1", "", action.Absent},
		{form, "_method=put&_method=delete", "", action.Unknown},
		{form, "_METHOD=delete", "", action.Unknown},
		{form, ".method=delete", "", action.Unknown},
		{form, "_method=get&[method=delete", "", action.Unknown},
		{form, "_method[]=delete", "", action.Unknown},
		{form, "a;b", "", action.Unknown},
		{doc, `{"_method": "DELETE"}`, "DELETE", action.Known},
		{doc, `{"a": {"_method": "DELETE"}}`, "", action.Absent},
		{doc, `{"_method": null, "a": 1}`, "", action.Unknown},
		{doc, `{"_method": ["DELETE"]}`, "", action.Unknown},
		{doc, `[{"_method": "DELETE"}]`, "", action.Absent},
		{doc, `{"_method"`, "", action.Unknown},
		{"multipart/form-data; boundary=x", "--x--", "", action.Unknown},
		{form, "", "", action.Absent},
	} {
		if got, state := read(c.typ, c.text).Override(); got != c.want || state != c.state {
			t.Errorf("%s: %q, %v, want %q, %v", c.text, got, state, c.want, c.state)
		}
	}
}
