package veil

import (
	"bytes"
	"strings"
	"testing"

	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
)

// What was typed where a secret belongs is hidden, and so is what looks like a key;
// all else stays, at its place.
func TestOver(t *testing.T) {
	for name, tt := range map[string]struct {
		text  string
		gone  []string
		stays []string
	}{
		"a password":            {`auth = password("agent_ro", "hunter2-hunter2")`, []string{"hunter2"}, []string{"auth = password("}},
		"a reference":           {`auth = bearer(secret.github)`, nil, []string{"bearer(secret.github)"}},
		"a token of a channel":  {"slack {\n  app_token = \"abcdefgh\"\n  x = 1\n}", []string{"abcdefgh"}, []string{"app_token", "x = 1"}},
		"a value":               {"secret \"github\" {\n  value = \"very-own-key\"\n}", []string{"very-own-key"}, []string{`secret "github"`}},
		"a misspelt attribute":  {`client_secrt_token = "abcdefgh"`, []string{"abcdefgh"}, nil},
		"a key anywhere":        {`reason = "use ghp_0123456789012345678901234567890123456789"`, []string{"ghp_0123"}, []string{`reason = "use `}},
		"a key in a comment":    {"x = 1 # sk-abcdefghijklmnopqrstuvwxyz", []string{"sk-abc"}, []string{"x = 1 # "}},
		"a password in an URL":  {`store = "postgres://sally:hunter2@db/x"`, []string{"hunter2"}, nil},
		"where a key is":        {`key = file("/etc/sallyport/key")`, nil, []string{"/etc/sallyport/key"}},
		"and beside it":         {`auth = by_role({ role.a = password(file("a"), "hunter2") })`, []string{"hunter2"}, []string{`file("a")`}},
		"several lines":         {"auth = password(\n  \"agent\",\n  \"hunter2\",\n)\nreason = \"stays\"", []string{"hunter2"}, []string{`"stays"`}},
		"a heredoc":             {"client_secret = <<E\nhunter2\nhunter3\nE\nreason = \"stays\"\n", []string{"hunter2", "hunter3"}, []string{`"stays"`}},
		"an object":             {"auth = oauth2({ token_url = \"https://x/\", client_secret = \"hunter2\" })", []string{"hunter2"}, nil},
		"a key of a webhook":    {"notify = [slack(\"#room\"), webhook(\"https://hook.example.com/x\", \"hunter2-hunter2\")]\n", []string{"hunter2"}, []string{"#room", "https://hook.example.com/x"}},
		"in a place of keys":    {"key = transit(\"https://v\", \"gate\", { role = \"r\", secret_id = \"hunter2-hunter2\" })\nreason = \"stays\"", []string{"hunter2"}, []string{`"https://v"`, `"r"`, `"stays"`}},
		"other quotes":          {"auth = bearer('hunter2-hunter2')\nreason = \"stays\"", []string{"hunter2"}, []string{"bearer(", `"stays"`}},
		"without quotes":        {"auth = password(\"agent\", hunter2) # stays\nrequire = true", []string{"hunter2"}, []string{"stays", "true"}},
		"a colon":               {`client_secret: "hunter2-hunter2"`, []string{"hunter2"}, nil},
		"behind a comment":      {`auth /* of ours */ = bearer("hunter2-hunter2")`, []string{"hunter2"}, []string{"of ours"}},
		"references by role":    {"auth = by_role({ role.a = password(\"x\", secret.reader), role.b = bearer(secret.b) })", nil, []string{"role.a", "secret.reader", "secret.b"}},
		"a file with an error":  {"auth = bearer(\"hunter2\"\nservice {", []string{"hunter2"}, []string{"service {"}},
		"put out of use":        {"# auth = bearer(\"hunter2-hunter2\")\nreason = \"stays\"", []string{"hunter2"}, []string{"# auth = bearer(", `"stays"`}},
		"several lines of it":   {"# auth = password(\n#   \"agent\",\n#   \"hunter2-hunter2\",\n# )\nreason = \"stays\"", []string{"hunter2"}, []string{`"stays"`}},
		"in one comment":        {"/* auth = bearer(\"hunter2-hunter2\") */\nreason = \"stays\"", []string{"hunter2"}, []string{"/* auth", "*/", `"stays"`}},
		"prose of a secret":     {"# Its token: whatever somebody's \"service\" gives (or not.\n# key = another word\nservice \"x\" {\n}\nreason = \"whatever stays\"", nil, []string{"another word", `"whatever stays"`}},
		"a name in quotes":      {"set = { \"password\" = \"hunter2-hunter2\", \"x\": \"stays\" }", []string{"hunter2"}, []string{`"password"`}},
		"on a line of its own":  {"set = {\n  \"client_secret\" : \"hunter2-hunter2\"\n  other = \"x\"\n}\nreason = \"stays\"", []string{"hunter2"}, []string{`"client_secret"`, `"stays"`}},
		"a choice is no name":   {"auth = bearer(x ? \"hunter2-hunter2\" : \"hunter3-hunter3\")", []string{"hunter2", "hunter3"}, nil},
		"a header":              {"headers = { Authorization = \"Basic hunter2\", \"X-Api-Key\" = \"hunter3-hunter3\" }\nreason = \"stays\"", []string{"hunter2", "hunter3"}, []string{`"stays"`}},
		"a header anywhere":     {`args = ["-H", "Authorization: Bearer hunter2-hunter2"]`, []string{"hunter2"}, []string{`"-H"`}},
		"a field of a command":  {`exec = ["curl", "-H", "X-Vault-Token: hunter2"]`, []string{"hunter2"}, []string{`"curl", "-H", "X-Vault-Token: `}},
		"a short bearer":        {`exec = ["curl", "-H", "Authorization: Bearer hunter2", "stays"]`, []string{"hunter2"}, []string{"Authorization: Bearer ", `"stays"`}},
		"a flag of a command":   {"exec = [\n  \"x\", \"--token\", # of ours\n  \"hunter2\", \"--password=hunter3\",\n]\nreason = \"stays\"", []string{"hunter2", "hunter3"}, []string{`"--token"`, `"--password=`, `"stays"`}},
		"a command in comments": {`# exec = ["curl", "-H", "X-Vault-Token: hunter2"]`, []string{"hunter2"}, []string{`"X-Vault-Token: `}},
		"a command in a line":   {`exec = ["sh", "-c", "curl -u bo:hunter2 https://h; rm x"]`, []string{"hunter2"}, []string{"curl -u bo:", "https://h; rm x"}},
		"lines of YAML":         {"body = <<E\nuser: stays\npassword: |-\n  hunter2 a\n\n  hunter3 b\nother: stays too\ntoken: hunter4\nE\nreason = \"stays\"\n", []string{"hunter2", "hunter3", "hunter4"}, []string{"user: stays", "other: stays too", `"stays"`}},
		"a list of YAML":        {"body = <<-E\n  env:\n  - api_key:\n      hunter2\n  - \"client_secret\": 'hunter3'\n    name: stays\n  E\n", []string{"hunter2", "hunter3"}, []string{"name: stays"}},
		"lines of HCL":          {"body = <<E\npassword = <<X\nhunter2\nX\nother = stays\nE\n", []string{"hunter2"}, []string{"other = stays", "X\n"}},
		"lines of a head":       {"body = <<E\nX-Vault-Token: hunter2\nAccept: stays\nE\n", []string{"hunter2"}, []string{"X-Vault-Token: ", "Accept: stays"}},
		"scopes and paths":      {`scopes = ["secret:read", "token:write"]` + "\n" + `paths = ["/v1/token:introspect", "/login?author=bo"]`, nil, []string{"secret:read", "token:write", "/v1/token:introspect", "author=bo"}},
		"the address of a hook": {`url = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"`, []string{"XXXXXX"}, []string{"url = "}},
		"a line of a diff":      {"-  \"password\" = \"hunter2-hunter2\"\n+  reason = \"stays\"", []string{"hunter2"}, []string{`"stays"`}},
		"a text that is no key": {"reason = \"Add a WHERE clause.\"\ntables = [\"payments\"]", nil, []string{"Add a WHERE clause.", "payments"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := &source.Files{HCL: map[string]*hcl.File{"x.hcl": {Bytes: []byte(tt.text)}}}
			diags := hcl.Diagnostics{{Summary: "Bad", Detail: "It says " + tt.text}}
			safe, said := Over(files, diags)
			got := safe.HCL["x.hcl"].Bytes
			for _, gone := range tt.gone {
				if bytes.Contains(got, []byte(gone)) || strings.Contains(said[0].Detail, gone) {
					t.Errorf("%q is shown:\n%s\n%s", gone, got, said[0].Detail)
				}
			}
			for _, stays := range tt.stays {
				if !bytes.Contains(got, []byte(stays)) {
					t.Errorf("%q is hidden:\n%s", stays, got)
				}
			}
			if len(got) != len(tt.text) || bytes.Count(got, []byte("\n")) != strings.Count(tt.text, "\n") {
				t.Errorf("places have moved:\n%s", got)
			}
			if string(files.HCL["x.hcl"].Bytes) != tt.text || diags[0].Detail != "It says "+tt.text {
				t.Error("what was given has changed")
			}
		})
	}
}

// A short text is hidden where it is quoted, not inside of every word.
func TestAShortTextIsNoWord(t *testing.T) {
	got := Message(`"a" is no reference, as secret.name is.`, []string{"a"})
	if want := `"[hidden]" is no reference, as secret.name is.`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// No file makes it panic, or move a place.
func FuzzMask(f *testing.F) {
	f.Add([]byte("auth = bearer(\"x\")\n"))
	f.Add([]byte("key = <<E\nE\n${\"}\")"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, _ := mask(text, "x"); len(got) != len(text) {
			t.Errorf("%d bytes of %d", len(got), len(text))
		}
	})
}

// What hiding takes grows with the text alone: the configuration and its history are
// read by whoever may look.
func TestHidingIsCheap(t *testing.T) {
	text := []byte(strings.Repeat("service \"a\" {\n  auth  = bearer(secret.a)\n  hosts = [\"a.example.com\"] # token = x\n}\n", 100))
	files := &source.Files{HCL: map[string]*hcl.File{"x.hcl": {Bytes: text}}}
	if n := testing.AllocsPerRun(2, func() { Over(files, nil) }); n > float64(len(text)) {
		t.Errorf("%.0f allocations for %d bytes", n, len(text))
	}
}
