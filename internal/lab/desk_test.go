package lab_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"
	"sallyport.dev/sallyport/internal/lab"
)

const careful = `
gateway {
  wireguard {
    listen = "127.0.0.1:0"
  }
}
service "api" {
  hosts = ["api.example.com"]
  tls   = { ca = file("upstreams.pem") }
}
role "agents" {
  use = [service.api]
}
approver "ana" {
  members = ["ana@acme.dev", "bo@acme.dev"]
}
rule "careful" {
  on        = [service.api]
  methods   = ["POST"]
  verdict   = "ask"
  approvers = [approver.ana]
}
`

// TestT44_ARuleThatChangesMeanwhile: what was approved under other rules, or by
// people on other terms, does not run.
func TestT44_ARuleThatChangesMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(string) string
		status int
	}{
		{"nothing", func(s string) string { return s + "\n" }, 200},
		{"another rule denies", func(s string) string {
			return s + "rule \"never\" {\n  on      = [service.api]\n  paths   = [\"/pay\"]\n  verdict = \"deny\"\n}\n"
		}, 403},
		{"two must agree", func(s string) string { return strings.Replace(s, "members = ", "require = 2\n  members = ", 1) }, 202},
		{"she is no member any more", func(s string) string { return strings.Replace(s, `"ana@acme.dev", `, "", 1) }, 202},
		{"another rule asks, too", func(s string) string {
			return s + "rule \"more\" {\n  on      = [service.api]\n  paths   = [\"/pay\"]\n  verdict = \"ask\"\n}\n"
		}, 202},
		{"nobody is asked any more", func(s string) string { return strings.Replace(s, `"POST"]`+"\n  verdict   = \"ask\"\n  approvers = [approver.ana]", `"POST"]`+"\n  verdict   = \"allow\"", 1) }, 200},
	} {
		for _, way := range []string{"come back", "held"} {
			t.Run(c.name+" "+way, func(t *testing.T) {
				l := lab.New(t, careful)
				l.HTTPS("api.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "paid") }))
				client := l.Agent("laptop").HTTP()
				post := func(async bool) int {
					req, err := http.NewRequest(http.MethodPost, "https://api.example.com/pay", strings.NewReader("to=bob"))
					if err != nil {
						t.Error(err)
						return 0
					}
					if async {
						req.Header.Set("Prefer", "respond-async")
					}
					resp, err := client.Do(req)
					if err != nil {
						t.Error(err)
						return 0
					}
					resp.Body.Close()
					return resp.StatusCode
				}
				ana := func() {
					if _, err := l.Desk.Answer(l.Desk.List()[0].ID, true, action.Person{Name: "ana@acme.dev", Via: "oidc"}, "", approval.Scope{}); err != nil {
						t.Fatal(err)
					}
				}
				if way == "held" {
					changed := l.Desk.Changed()
					got := make(chan int, 1)
					go func() { got <- post(true) }()
					<-changed
					<-got // it waits without its agent now
				} else if status := post(true); status != 202 {
					t.Fatalf("asked: %d", status)
				}
				ana()
				l.Reload(c.change(careful))
				if status := post(true); status != c.status {
					t.Errorf("after the change: %d, want %d", status, c.status)
				}
			})
		}
	}
}
