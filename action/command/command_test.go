package command

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/pulse"
)

func reader() *Reader {
	name := regexp.MustCompile(`(?i)token|secret|passw|auth|^api-?key$|cookie`)
	return &Reader{Named: name.MatchString, Marked: func(word string) bool { return strings.HasPrefix(word, "ghp_") || strings.Contains(word, ":pw@") }}
}

// Secrets of a command are hidden, and nothing that would run.
func TestReader(t *testing.T) {
	for _, tt := range []struct{ args, want []string }{
		{[]string{"curl", "-H", "X-Vault-Token: abc"}, []string{"curl", "-H", "X-Vault-Token: *"}},
		{[]string{"curl", "-H", "Authorization: Bearer abc"}, []string{"curl", "-H", "Authorization: Bearer *"}},
		{[]string{"curl", "-HX-Auth-Token:abc", "https://h/x?a=b"}, []string{"curl", "-HX-Auth-Token:*", "https://h/x?a=b"}},
		{[]string{"Bearer abc"}, []string{"Bearer *"}},
		{[]string{"the token ring", "a basic idea", "token 0a1b"}, []string{"the token ring", "a basic idea", "token *"}},
		{[]string{"x", "--token", "abc", "--password=de", "--secret", "--more"}, []string{"x", "--token", "*", "--password=*", "--secret", "--more"}},
		{[]string{"sh", "-c", "x --token abc --api-key 'de' y"}, []string{"sh", "-c", "x --token * --api-key '*' y"}},
		{[]string{"sh", "-c", `curl -H "X-Token: abc" 'https://h/?access_token=de&x=1'`}, []string{"sh", "-c", `curl -H "X-Token: *" 'https://h/?access_token=*&x=1'`}},
		{[]string{"curl", "-u", "bo:pw", "--user=x", "-u", "bo"}, []string{"curl", "-u", "bo:*", "--user=x", "-u", "bo"}},
		{[]string{"curl", "-ubo:pw", "-uhttp://h", "sh", "-c", "curl -ubo:'pw'; rm x"}, []string{"curl", "-ubo:*", "-uhttp://h", "sh", "-c", "curl -ubo:'*'; rm x"}},
		{[]string{"env", "DB_PASSWORD=abc", "x"}, []string{"env", "DB_PASSWORD=*", "x"}},
		{[]string{"git", "log", "--author=bo", "clone", "https://x:pw@h/r"}, []string{"git", "log", "--author=bo", "clone", "*"}},
		{[]string{"echo", "ghp_abc"}, []string{"echo", "*"}},
		{[]string{"https://h/?to=https://x:pw@h/r"}, []string{"https://h/?to=*"}},
		{[]string{"a://b://c://x:pw@h d"}, []string{"a://b://* d"}},
		{[]string{"token:", "abc"}, []string{"token:", "abc"}},
		{[]string{"sh", "-c", "echo token: x; rm -rf /"}, []string{"sh", "-c", "echo token: *; rm -rf /"}},
		{[]string{"sh", "-c", "token=$(rm -rf /) password=`rm`"}, []string{"sh", "-c", "token=$(rm -rf /) password=`rm`"}},
		{[]string{"sh", "-c", "echo 'a token=\"' ; rm -rf / ; echo '\"'"}, []string{"sh", "-c", "echo 'a token=\"' ; rm -rf / ; echo '\"'"}},
		{[]string{"sh", "-c", "true --token\nrm -rf /"}, []string{"sh", "-c", "true --token\nrm -rf /"}},
		{[]string{"GET", "/v1/token:introspect"}, []string{"GET", "/v1/token:introspect"}},
		{[]string{"ls", "-l", "/etc/token"}, []string{"ls", "-l", "/etc/token"}},
	} {
		r, got := reader(), []string(nil)
		for _, a := range tt.args {
			got = append(got, Hide(a, r.Next(a), "*"))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q becomes\n%q, not\n%q", tt.args, got, tt.want)
		}
	}
}

// Where a colon is not enough, scopes stay.
func TestSpaced(t *testing.T) {
	r := reader()
	r.Spaced = true
	for arg, want := range map[string]string{"secret:read": "secret:read", "X-Token: abc": "X-Token: *", "token=abc": "token=*"} {
		if got := Hide(arg, r.Next(arg), "*"); got != want {
			t.Errorf("%s becomes %s", arg, got)
		}
	}
}

func TestHolds(t *testing.T) {
	for name, want := range map[string]bool{"command": true, "Cmd": true, "args[]": true, "args[0]": true, "q": false, "commander": false} {
		if Holds(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

// T10: whatever an argument is, it is read in the time that its length takes: requests
// bring them in addresses and in bodies of megabytes.
func TestT10_ArgumentsCostTheirLength(t *testing.T) {
	clock := pulse.Start()
	defer clock.Stop()
	for _, part := range []string{
		"a/", "a ", "a=", "a:", "a://", "://", "a,", "a'", "-a/", "-u/", "-u ", "-u:", "--token ", "--token/", "--token -a/", "--token'-a/",
		"token=", "token=;", "token: ", "bearer ", "bearer/", "token/", "basic ", "basic,a ", "'", "\\", "x://u:", "=",
	} {
		read := 0
		r := Reader{
			Named:  func(name string) bool { read += len(name); return strings.Contains(name, "token") },
			Marked: func(word string) bool { read += len(word); return false },
		}
		arg := strings.Repeat(part, (1<<18)/len(part))
		begin := time.Now()
		r.Next(arg)
		if took := clock.Since(begin); read > 4*len(arg) || took > 4*time.Second {
			t.Fatalf("%d times %q: %d bytes were looked at for %s", len(arg)/len(part), part, read, took)
		}
	}
}

// FuzzReader holds that spans are in order, and hide nothing that a shell would run.
func FuzzReader(f *testing.F) {
	f.Add("--token", "abc")
	f.Add("-u", "a:b ghp_x Bearer Bearer x")
	f.Fuzz(func(t *testing.T, first, second string) {
		r := reader()
		for _, arg := range []string{first, second} {
			at := 0
			for _, s := range r.Next(arg) {
				if s.From < at || s.To <= s.From || s.To > len(arg) || strings.ContainsAny(arg[s.From:s.To], " \t\r\n;&|`$()<>'\"") {
					t.Fatalf("%q: %v", arg, s)
				}
				at = s.To
			}
		}
	})
}
