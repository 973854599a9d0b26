package call

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/pulse"
)

const (
	none = "0000000000000000000000000000000000000000"
	one1 = "1111111111111111111111111111111111111111"
	two2 = "2222222222222222222222222222222222222222"
)

func lines(texts ...string) string {
	var b strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&b, "%04x%s", len(text)+4, text)
	}
	return b.String() + "0000PACK…"
}

func TestGitRequests(t *testing.T) {
	for _, tt := range []struct {
		path, service string
		want          Git
	}{
		{"/acme/site.git/info/refs", "git-upload-pack", Git{Service: "upload-pack", Repo: "acme/site", Asks: true}},
		{"/acme/site/info/refs", "git-receive-pack", Git{Service: "receive-pack", Repo: "acme/site", Asks: true}},
		{"/acme/site/git-upload-pack", "", Git{Service: "upload-pack", Repo: "acme/site"}},
		{"/a/b/c/git-receive-pack", "git-upload-pack", Git{Service: "receive-pack", Repo: "a/b/c"}},
		{"/acme/site/info/refs", "", Git{Unclear: true}},
		{"/acme/site/info/refs", "other", Git{Unclear: true}},
		{"/acme/site", "git-upload-pack", Git{Unclear: true}},
		{"/git-upload-pack", "", Git{Unclear: true}},
	} {
		if got := GitOf(tt.path, tt.service); !reflect.DeepEqual(*got, tt.want) {
			t.Errorf("%s?service=%s is %+v", tt.path, tt.service, *got)
		}
	}
}

func TestPush(t *testing.T) {
	create, move, remove := none+" "+one1+" refs/heads/new", one1+" "+two2+" refs/heads/main", one1+" "+none+" refs/tags/v1"
	read, write, destroy, unknown := action.EffectRead, action.EffectWrite, action.EffectDestructive, action.EffectUnknown
	for _, tt := range []struct {
		body          string
		refs, deletes string
		effects       action.Effects // 0: unknown
	}{
		{lines(create + "\x00report-status side-band-64k\n"), "refs/heads/new", "-", write},
		{lines(move), "refs/heads/main", "-", unknown},
		{lines(remove), "refs/tags/v1", "refs/tags/v1", destroy},
		{lines(create+"\x00caps", move+"\n", remove), "refs/heads/new,refs/heads/main,refs/tags/v1", "refs/tags/v1", write | destroy | unknown},
		{lines(create, remove), "refs/heads/new,refs/tags/v1", "refs/tags/v1", write | destroy},
		{lines("shallow "+one1, create), "refs/heads/new", "-", write},
		{lines(), "-", "-", read},
		{lines(strings.Repeat("a", 64) + " " + strings.Repeat("0", 64) + " refs/heads/x"), "refs/heads/x", "refs/heads/x", destroy},
		{lines("push-cert\x00caps\n", create), "?", "?", 0},
		{lines(create + " more"), "?", "?", 0},
		{lines(one1 + " refs/heads/x"), "?", "?", 0},
		{lines(strings.ToUpper(strings.Repeat("a", 40)) + " " + none + " refs/heads/x"), "?", "?", 0},
		{lines(one1 + " " + strings.Repeat("0", 64) + " refs/heads/x"), "?", "?", 0},
		{"00", "?", "?", 0},
		{"zzzz", "?", "?", 0},
		{"0003", "?", "?", 0},
		{"ffff" + create, "?", "?", 0},
		{"", "?", "?", 0},
		{strings.TrimSuffix(lines(create), "0000PACK…"), "?", "?", 0},
	} {
		g := GitOf("/a/b/git-receive-pack", "")
		if _, s := g.Effects(true); s != action.Pending || !g.Pushes() {
			t.Fatalf("before it is read: %v", s)
		}
		// However it comes, it is the same.
		for cut := 0; cut <= len(tt.body) && !g.Commands([]byte(tt.body[:cut]), cut == len(tt.body)); cut++ {
			if _, s := g.List(func(g *Git) []string { return g.Refs }, true); s != action.Pending {
				t.Fatalf("half read: %v", s)
			}
		}
		at := GitOf("/a/b/git-receive-pack", "")
		if at.Commands([]byte(tt.body), true); !reflect.DeepEqual(at, g) {
			t.Errorf("at once %+v, in pieces %+v", at, g)
		}
		refs, s := g.List(func(g *Git) []string { return g.Refs }, false)
		deletes, s2 := g.List(func(g *Git) []string { return g.Deletes }, false)
		e, known := g.Effects(false)
		if known != action.Known {
			e = 0
		}
		if r, d := shown(strings.Join(refs, ","), s), shown(strings.Join(deletes, ","), s2); r != tt.refs || d != tt.deletes || e != tt.effects {
			t.Errorf("%.200q\nchanges %s, removes %s, %v", tt.body, r, d, e)
		}
		again := new(Git)
		if b, err := json.Marshal(g); err != nil || json.Unmarshal(b, again) != nil || !reflect.DeepEqual(again, g) {
			t.Errorf("recorded as %+v, was %+v", again, g)
		}
	}
}

// What a push hands to the hooks follows its commands, where it says so.
func TestPushOptions(t *testing.T) {
	create := none + " " + one1 + " refs/heads/new"
	begin := strings.TrimSuffix(lines(create+"\x00report-status push-options agent=git/2"), "PACK…")
	for body, want := range map[string]string{
		begin + lines("ci.skip", "merge_request.create\n"): "ci.skip,merge_request.create",
		begin + lines():              "-",
		begin + "PACK…":              "?",
		begin + lines("ci.skip\x00"): "?",
		begin + lines(strings.Split(strings.Repeat("x,", 200), ",")[:199]...): "?",
		lines(create+"\x00report-status") + lines("ci.skip"):                  "-",
	} {
		g := GitOf("/a/b/git-receive-pack", "")
		for cut := 0; cut <= len(body) && !g.Commands([]byte(body[:cut]), cut == len(body)); cut++ {
		}
		got, s := g.List(func(g *Git) []string { return g.Options }, false)
		if text := shown(strings.Join(got, ","), s); text != want {
			t.Errorf("%.300q hands over %s, want %s", body, text, want)
		}
		again := new(Git)
		if b, err := json.Marshal(g); err != nil || json.Unmarshal(b, again) != nil || !reflect.DeepEqual(again, g) {
			t.Errorf("recorded as %+v, was %+v", again, g)
		}
	}
}

// A push that never says what it changes is given up.
func TestEndlessCommands(t *testing.T) {
	line := fmt.Sprintf("%04x%s", 4+40+1+40+1+6, none+" "+one1+" refs/x")
	for _, body := range []string{strings.Repeat(line, 2000), "ffff" + strings.Repeat("a", 70<<10)} {
		if g := GitOf("/a/b/git-receive-pack", ""); !g.Commands([]byte(body), false) || !g.Unclear {
			t.Errorf("%.20q… goes on: %+v", body, g)
		}
	}
}

// Nothing is read twice of a push that comes byte by byte.
func TestT53_PushInPieces(t *testing.T) {
	body := []byte(strings.Repeat(fmt.Sprintf("%04xshallow %s", 4+8+40, one1), MaxCommands/52))
	g, before := GitOf("/a/b/git-receive-pack", ""), pulse.Spent()
	for n := range len(body) {
		if g.Commands(body[:n], false) {
			t.Fatalf("it ends after %d bytes: %+v", n, g)
		}
	}
	if took := pulse.Spent() - before; took > time.Second {
		t.Errorf("it took %v", took)
	}
}

func FuzzCommands(f *testing.F) {
	f.Add([]byte(lines(none + " " + one1 + " refs/heads/new\x00caps")))
	f.Fuzz(func(t *testing.T, body []byte) {
		g := GitOf("/a/b/git-receive-pack", "")
		if !g.Commands(body, true) {
			t.Fatal("a whole body is not enough")
		}
		early := GitOf("/a/b/git-receive-pack", "")
		for cut := range len(body) {
			if early.Commands(body[:cut], false) {
				if !reflect.DeepEqual(early, g) {
					t.Errorf("%d bytes of it are %+v, all are %+v", cut, early, g)
				}
				break
			}
		}
	})
}
