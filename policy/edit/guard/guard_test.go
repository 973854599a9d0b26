package guard

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/pki"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/hclconf"
	"sallyport.dev/sallyport/protocols/http"
)

// conf reads a configuration of one service that takes secret.x, and a role.
func conf(t *testing.T, services string) *hclconf.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.hcl")
	use := ""
	if strings.Contains(services, `service "s"`) {
		use = "  use = [service.s]\n"
	}
	if err := os.WriteFile(path, []byte(services+"\nrole \"r\" {\n"+use+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, _, diags := policy.Load(path, policy.Options{Tables: []action.FactTable{http.Facts()}})
	if p == nil {
		t.Fatal(diags)
	}
	return p.Config()
}

// service is a service with a secret, and further attributes.
func service(name, hosts, auth string, more ...string) string {
	if auth != "" {
		more = append(more, "auth = "+auth)
	}
	return "service \"" + name + "\" {\n  hosts = [" + hosts + "]\n  " + strings.Join(more, "\n  ") + "\n}\n"
}

const judge = "judge \"j\" {\n  service = service.m\n  model = \"small\"\n  prompt = \"Is it good?\"\n  may = \"deny\"\n}\n"

func TestWhereASecretGoes(t *testing.T) {
	const home = `"a.example.com", "b.example.com"`
	base := service("s", home, "bearer(secret.x)")
	for name, tt := range map[string]struct {
		before, after string
		want          []string
	}{
		"nothing":                      {base, base, nil},
		"written otherwise":            {base, "# x\nservice \"s\" {\n  auth  = bearer( secret.x )\n  hosts = [\"B.example.com\", \"a.example.com\"]\n}\n", nil},
		"a posture and a description":  {base, service("s", home, "bearer(secret.x)", `posture = "locked"`, `description = "d"`), nil},
		"a host more":                  {base, service("s", home+`, "c.example.com"`, "bearer(secret.x)"), []string{"hosts"}},
		"another port":                 {base, service("s", `"a.example.com:8443", "b.example.com"`, "bearer(secret.x)"), []string{"hosts"}},
		"an upstream":                  {base, service("s", home, "bearer(secret.x)", `upstream = "c.example.com:443"`), []string{"upstream"}},
		"no proof":                     {base, service("s", home, "bearer(secret.x)", `tls = "disable"`, "insecure_injection = true"), []string{"insecure_injection", "tls"}},
		"another name to prove":        {base, service("s", home, "bearer(secret.x)", `tls = { server_name = "c.example.com" }`), []string{"tls"}},
		"another header":               {base, service("s", home, `header("X-Key", secret.x)`), []string{"auth"}},
		"another secret":               {base, service("s", home, "bearer(secret.y)"), []string{"takes secret.y", "auth"}},
		"a secret that is none yet":    {base, base + service("t", `"t.example.com"`, "bearer(secret.new)"), nil},
		"a second service":             {base, base + service("t", `"t.example.com"`, "bearer(secret.x)"), []string{"takes secret.x to t.example.com"}},
		"a secret only others use":     {base + service("t", `"t.example.com"`, "bearer(secret.new)"), base + service("t", `"u.example.com"`, "bearer(secret.new)"), []string{"hosts"}},
		"another name for the service": {base, service("other", home, "bearer(secret.x)"), []string{"takes secret.x"}},
		"no secret any more":           {base, "service \"s\" {\n  hosts = [" + home + "]\n}\n", []string{"auth"}},
		"gone":                         {base, "", nil},
		"no placeholder to show":       {service("s", home, `placeholder("X_KEY", bearer(secret.x))`), base, []string{"auth"}},
		"another placeholder":          {service("s", home, `placeholder("X_KEY", bearer(secret.x))`), service("s", home, `placeholder("Y_KEY", bearer(secret.x))`), []string{"auth"}},
		"another token server": {
			service("s", home, `oauth2({ token_url = "https://a.example.com/t", client_id = "c", client_secret = secret.x })`),
			service("s", home, `oauth2({ token_url = "https://b.example.com/t", client_id = "c", client_secret = secret.x })`),
			[]string{"auth"},
		},
		"another authority of the token server": {
			service("s", home, `oauth2({ token_url = "https://a.example.com/t", client_id = "c", client_secret = secret.x, ca = `+authority(t)+` })`),
			service("s", home, `oauth2({ token_url = "https://a.example.com/t", client_id = "c", client_secret = secret.x, ca = `+authority(t)+` })`),
			[]string{"bytes, SHA-256"},
		},
		"accounts by role": {base, service("s", home, "by_role({ role.r = bearer(secret.x) })"), []string{"auth"}},
		"the model of a judge": {
			service("m", `"m.example.com"`, "") + judge, service("m", `"n.example.com"`, "") + judge, []string{"answers for a judge, and changes its hosts"},
		},
		"the model of a judge, with a new secret": {
			service("m", `"m.example.com"`, "") + judge, service("m", `"n.example.com"`, "bearer(secret.new)") + judge,
			[]string{"answers for a judge, and changes its auth", "answers for a judge, and changes its hosts"},
		},
		"the model of nobody": {service("m", `"m.example.com"`, ""), service("m", `"n.example.com"`, ""), nil},
		"a preset instead":    {service("github", `"g.example.com"`, "bearer(secret.x)"), "service \"github\" {}\n", []string{"takes secret.github", "auth", "hosts"}},
	} {
		exists := func(name string) bool { return name == "x" || name == "y" || name == "github" }
		var got []string
		for _, g := range Secrets(conf(t, tt.before), conf(t, tt.after), exists) {
			got = append(got, g.What)
		}
		same := len(got) == len(tt.want)
		for _, w := range tt.want {
			same = same && slices.ContainsFunc(got, func(g string) bool { return strings.Contains(g, w) })
		}
		if !same {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if got := Secrets(nil, conf(t, base), func(string) bool { return true }); len(got) != 1 {
		t.Errorf("of no old configuration: %+v", got)
	}
	if got := Secrets(conf(t, base), nil, func(string) bool { return true }); got != nil {
		t.Errorf("of none that loads: %+v", got)
	}
}

// authority is one that nobody else has, as a value of a configuration.
func authority(t *testing.T) string {
	t.Helper()
	ca, err := pki.New("lab")
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Quote(string(ca.PEM()))
}

// Two authorities of one length that share the beginning of their digests are two.
func TestEveryChangeOfAnAuthorityIsNoticed(t *testing.T) {
	seen := map[[4]byte]string{}
	var before, after string
	for n := 0; after == "" && n < 1<<20; n++ {
		text := fmt.Sprintf("# %07d", n)
		sum := sha256.Sum256([]byte(text))
		if before = seen[[4]byte(sum[:])]; before != "" {
			after = text
		}
		seen[[4]byte(sum[:])] = text
	}
	if after == "" {
		t.Fatal("there is no such pair")
	}
	with := func(ca string) *hclconf.Config {
		c := conf(t, service("s", `"a.example.com"`, "bearer(secret.x)"))
		c.Services[0].TLS.CA.Value = ca
		return c
	}
	exists := func(string) bool { return true }
	got := Secrets(with(before), with(after), exists)
	if len(got) != 1 || !strings.HasPrefix(got[0].What, "has a secret, and changes its tls: ca of 9 bytes") {
		t.Fatalf("%q and %q: %+v", before, after, got)
	}
	if was, is, _ := strings.Cut(got[0].What, " -> "); strings.HasSuffix(was, is) {
		t.Errorf("what is told does not differ: %s", got[0].What)
	}
	if got := Secrets(with(before), with(before), exists); got != nil {
		t.Errorf("of no change: %+v", got)
	}
}
