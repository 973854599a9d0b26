package standing

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
)

func TestWarnings(t *testing.T) {
	const su, writes = `account "u" of service db in database "app" is a superuser`, `account "u" of service db in database "app" may write to public.users although the service is read-only`
	yes, no := func(string, int, func([]string)) error { return errors.New("it asks") }, map[string]string{}
	answers := func(word string) Ask {
		return func(_ string, _ int, each func([]string)) error {
			each([]string{word})
			return nil
		}
	}
	for _, c := range []struct {
		name     string
		readOnly bool
		setting  map[string]string
		ask      Ask
		users    []string
		want     string
	}{
		{"an ordinary account", false, no, yes, nil, ""},
		{"a superuser", false, map[string]string{"is_superuser": "on"}, yes, nil, su},
		{"a superuser that only reads", true, map[string]string{"is_superuser": "on"}, yes, nil, su},
		{"it may write", true, no, answers("may write to public.users"), []string{"u"}, writes},
		{"it may not", true, no, answers(""), nil, ""},
		{"nobody knows", true, no, yes, nil, ""},
		{"a standby", true, map[string]string{"in_hot_standby": "on"}, answers("may write to public.users"), nil, ""},
		{"an account of yesterday", true, no, answers("may write to public.users"), []string{"other"}, ""},
	} {
		var s Store
		svc := &action.Service{Name: "db", Session: action.Session{ReadOnly: c.readOnly}}
		s.Note(Account{"db", "u", "app"}, c.readOnly, c.setting, c.ask)
		if got := strings.Join(s.Warnings(svc, c.users), "\n"); !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: %q", c.name, got)
		}
		if got := s.Warnings(&action.Service{Name: "other", Session: action.Session{ReadOnly: true}}, nil); got != nil {
			t.Errorf("%s: another service has %q", c.name, got)
		}
	}
}

// TestAServerIsAskedNowAndThen: once an hour, and soon again where there is
// something to cure.
func TestAServerIsAskedNowAndThen(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	s := Store{Now: func() time.Time { return now }}
	word, asked := "may make roles", 0
	ask := func(_ string, _ int, each func([]string)) error { asked++; each([]string{word}); return nil }
	svc := &action.Service{Name: "db", Session: action.Session{ReadOnly: true}}
	for _, c := range []struct {
		after time.Duration
		word  string
		asked int
		warns int
	}{
		{0, "may make roles", 1, 1},
		{10 * time.Second, "", 1, 1},
		{time.Minute, "", 2, 0},
		{10 * time.Minute, "may make roles", 2, 0},
		{time.Hour, "may make roles", 3, 1},
		{time.Minute, "", 4, 0},
	} {
		now, word = now.Add(c.after), c.word
		s.Note(Account{"db", "u", "app"}, true, nil, ask)
		if got := s.Warnings(svc, nil); asked != c.asked || len(got) != c.warns {
			t.Errorf("after %s: asked %d times, %q", c.after, asked, got)
		}
	}
}
