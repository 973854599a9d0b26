package argument

import (
	"slices"
	"testing"
)

// What people read of a request that has a command run is without its secrets.
func TestCommandsOfRequests(t *testing.T) {
	for _, tt := range []struct{ raw, want string }{
		{"command=curl&command=-H&command=X-Vault-Token:+hunter2&container=a", "command=curl&command=-H&command=X-Vault-Token%3A+[hidden]&container=a"},
		{"command=curl&command=-H&command=Authorization%3A%20Bearer%20hunter2&stdin=true", "command=curl&command=-H&command=Authorization%3A+Bearer+[hidden]&stdin=true"},
		{"command=x&command=--token&command=hunter2&command=y", "command=x&command=--token&command=[hidden]&command=y"},
		{"command=x;c%6fmmand=--password=hunter2", "command=x;c%6fmmand=--password%3D[hidden]"},
		{"cmd=ls+-l&token=hunter2", "cmd=ls+-l&token=[hidden]"},
		{"command=a%zzhunter2", "command=[hidden]"},
		{"q=author:bo+token:x&a", "q=author:bo+token:x&a"},
		{"command=sh&command=-c&command=echo+token:+x;+rm+-rf+/", "command=sh&command=-c&command=echo+token%3A+[hidden];+rm+-rf+/"},
		{"", ""},
	} {
		if got := Query(tt.raw); got != tt.want {
			t.Errorf("%s becomes\n%s, not\n%s", tt.raw, got, tt.want)
		}
	}
	if kept, hidden := Values("command", []string{"x", "--token", "hunter2"}); !hidden || !slices.Equal(kept, []string{"x", "--token", Masked}) {
		t.Errorf("%q, %v", kept, hidden)
	}
	if kept, hidden := Values("q", []string{"--token", "x"}); hidden || !slices.Equal(kept, []string{"--token", "x"}) {
		t.Errorf("%q, %v", kept, hidden)
	}
}

// FuzzQuery holds that nothing makes it fail, and that what holds no command stays.
func FuzzQuery(f *testing.F) {
	f.Add("command=--token&cmd=x")
	f.Add("a=%zz;c;&&=")
	f.Fuzz(func(t *testing.T, raw string) {
		if got := Query(raw); len(got) < len(raw) && got == raw {
			t.Error(got)
		}
		Query(Query(raw))
	})
}
