package cli

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestT49_NothingSteersATerminal(t *testing.T) {
	type word string
	const bad = "a\x1b[31m\r\nb\x9b\u202e\u2028\x00\x7f"
	const good = "a·[31m··b······"
	var b bytes.Buffer
	Printf(&b, "%s|%s|%d|%v", bad, word(bad), 7, time.Second)
	if want := "a·[31m··b"; !strings.HasPrefix(b.String(), want) || strings.ContainsAny(b.String(), "\x1b\r\n\u202e\u2028\x00\x7f") {
		t.Errorf("Printf: %q", b.String())
	}
	if !strings.HasSuffix(b.String(), "|7|1s") {
		t.Errorf("Printf changes what is no string: %q", b.String())
	}
	if got := Printable("Grüße, 世界 ✓ " + bad); !strings.HasPrefix(got, "Grüße, 世界 ✓ a·[31m") || len([]rune(got)) > len([]rune("Grüße, 世界 ✓ "+good)) {
		t.Errorf("Printable: %q", got)
	}
	b.Reset()
	if err := PrintLines(&b, "  ", "one\r\ntwo\x1b[2J\nthree"); err != nil || b.String() != "  one\n  two·[2J\n  three\n" {
		t.Errorf("PrintLines: %q, %v", b.String(), err)
	}
}

func TestWordsForPeople(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct{ got, want string }{
		{Count(0, "rule"), "0 rules"},
		{Count(1, "rule"), "1 rule"},
		{Count(2, "rule"), "2 rules"},
		{OrDash(""), "-"},
		{OrDash("x"), "x"},
		{Ago(time.Time{}), "never"},
		{Ago(now), "just now"},
		{Ago(now.Add(-90 * time.Second)), "1m ago"},
		{Ago(now.Add(-3 * time.Hour)), "3h ago"},
		{Ago(time.Date(2020, 1, 2, 12, 0, 0, 0, time.Local)), "2020-01-02"},
		{Size(0), "0 B"},
		{Size(1023), "1023 B"},
		{Size(1536), "1.5 KiB"},
		{Size(3 << 30), "3.0 GiB"},
		{Size(5 << 50), "5120.0 TiB"},
		{ExitError{Code: 3}.Error(), "exit 3"},
		{ExitError{Code: 1, Err: os.ErrNotExist}.Error(), os.ErrNotExist.Error()},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
	if !errors.Is(ExitError{Err: os.ErrNotExist}, os.ErrNotExist) {
		t.Error("an ExitError hides its cause")
	}
}

func TestWhereThingsStand(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/x/state")
	t.Setenv("XDG_CONFIG_HOME", "/x/config")
	if got := DefaultState(); got != "/x/state/sallyport" {
		t.Errorf("state: %s", got)
	}
	want := "/x/config/sallyport"
	if os.Geteuid() == 0 {
		want = "/etc/sallyport"
	}
	if got := DefaultConfig(); got != want {
		t.Errorf("configuration: %s, want %s", got, want)
	}
	t.Setenv("SALLYPORT_URL", "")
	if got := (&Env{}).Client().where; got != "/x/state/sallyport/admin.sock" {
		t.Errorf("default socket: %s", got)
	}
	t.Setenv("SALLYPORT_URL", "unix:///x/one.sock")
	if got := (&Env{}).Client().where; got != "/x/one.sock" {
		t.Errorf("SALLYPORT_URL: %s", got)
	}
	if got := (&Env{Gateway: "/x/two.sock"}).Client().where; got != "/x/two.sock" {
		t.Errorf("--gateway: %s", got)
	}
}
