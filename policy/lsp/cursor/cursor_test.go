package cursor

import (
	"fmt"
	"strings"
	"testing"
)

// Each text has a ^ where the place is.
func TestAt(t *testing.T) {
	for text, want := range map[string]string{
		"^":                      `[] attr: calls:[] "" quoted:false head:`,
		"ser^":                   `[] attr: calls:[] "ser" quoted:false head:`,
		"service \"gi^":          `[] attr: calls:[] "gi" quoted:true head:service`,
		"service \"gi^\" {\n}":   `[] attr: calls:[] "gi" quoted:true head:service`,
		"service \"x\" {\n  ho^": `[service.x] attr: calls:[] "ho" quoted:false head:`,
		"service \"x\" {\n  hosts = [\"a\"]\n  ^\n}":             `[service.x] attr: calls:[] "" quoted:false head:`,
		"service \"x\" {\n  session {\n    ^":                    `[service.x session.] attr: calls:[] "" quoted:false head:`,
		"rule \"r\" {\n  on = [service.^":                        `[rule.r] attr:on calls:[] "service." quoted:false head:`,
		"rule \"r\" {\n  on = [service.a, ser^]\n  x = 1\n}":     `[rule.r] attr:on calls:[] "ser" quoted:false head:`,
		"rule \"r\" {\n  effects = [\"read\", \"wr^":             `[rule.r] attr:effects calls:[] "wr" quoted:true head:`,
		"rule \"r\" {\n  when = http.pa^":                        `[rule.r] attr:when calls:[] "http.pa" quoted:false head:`,
		"rule \"r\" {\n  when = contains(agent.ro^":              `[rule.r] attr:when calls:[contains] "agent.ro" quoted:false head:`,
		"rule \"r\" {\n  when = (\n    a &&\n    b^":             `[rule.r] attr:when calls:[] "b" quoted:false head:`,
		"rule \"r\" {\n  when = \"${http.^":                      `[rule.r] attr:when calls:[] "http." quoted:false head:`,
		"service \"x\" {\n  auth = header(\"X\", sec^":           `[service.x] attr:auth calls:[header] "sec" quoted:false head:`,
		"service \"x\" {\n  tls = { ca = file(\"^":               `[service.x] attr:tls calls:[file] "" quoted:true head:`,
		"service \"x\" {\n  tls = {\n    ca = 1\n  }\n  ^":       `[service.x] attr: calls:[] "" quoted:false head:`,
		"rule \"r\" {\n  reason = \"half\n  verd^":               `[rule.r] attr: calls:[] "verd" quoted:false head:`,
		"rule \"r\" {\n  on = [service.a\n}\nru^":                `[] attr: calls:[] "ru" quoted:false head:`,
		"# rule \"r\" {\nro^":                                    `[] attr: calls:[] "ro" quoted:false head:`,
		"rule \"r\" { on = service.^":                            `[rule.r] attr:on calls:[] "service." quoted:false head:`,
		"}\n}\nrole \"a\" {\n  use^":                             `[role.a] attr: calls:[] "use" quoted:false head:`,
		"test \"t\" {\n  body = <<EOT\nx^\nEOT\n}":               `[test.t] attr:body calls:[] "x" quoted:true head:`,
		"rule \"r\" {\n  verdict = \"deny\" # why\n  re^":        `[rule.r] attr: calls:[] "re" quoted:false head:`,
		"service \"größe\" {\n  hosts = [\"ä\"]\n  auth = be^\n": `[service.größe] attr:auth calls:[] "be" quoted:false head:`,
	} {
		at := strings.IndexByte(text, '^')
		s := At(strings.Replace(text, "^", "", 1), at)
		var blocks []string
		for _, b := range s.Blocks {
			blocks = append(blocks, b.Type+"."+b.Label)
		}
		if got := fmt.Sprintf("%v attr:%s calls:%v %q quoted:%v head:%s", blocks, s.Attr, s.Calls, s.Word, s.Quoted, s.Head); got != want {
			t.Errorf("%q\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestBlocksAndWords(t *testing.T) {
	text := "service \"a\" {\n  session {\n  }\n}\n\nrule \"b c\" {\n  on = [service.a-b]\n  verdict = \"deny\"\n"
	var got []string
	for _, b := range Blocks(text) {
		got = append(got, fmt.Sprintf("%s %q %d %q", b.Type, b.Label, b.Depth, text[b.Start:b.End]))
	}
	want := []string{
		`service "a" 0 "service \"a\" {\n  session {\n  }\n}"`, `session "" 1 "session {\n  }"`,
		`rule "b c" 0 "rule \"b c\" {\n  on = [service.a-b]\n  verdict = \"deny\"\n"`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	for part, want := range map[string]string{"service.a-b": "service.a-b", "vice.a-b": "service.a-b", "a-b]": "service.a-b", "eny": "deny", "rdict": "verdict", " c\"": "b c"} {
		if word, _, _ := Word(text, strings.Index(text, part)+1); word != want {
			t.Errorf("at %q: %q", part, word)
		}
	}
}

func FuzzAt(f *testing.F) {
	f.Add("rule \"r\" {\n  when = \"${http.x}\"\n}", 20)
	f.Add("}}]])\"", 3)
	f.Add("a \"b\" {\n<<X\n", 9)
	f.Fuzz(func(t *testing.T, text string, at int) {
		s := At(text, at)
		if !strings.Contains(text, s.Word) || s.Start < 0 || s.Start > len(text) {
			t.Errorf("%+v", s)
		}
		word, start, end := Word(text, at)
		if text[start:end] != word {
			t.Errorf("%q is not at %d", word, start)
		}
		for _, b := range Blocks(text) {
			if b.Start > b.Open || b.Open >= b.End || b.End > len(text) {
				t.Errorf("%+v", b)
			}
		}
	})
}
