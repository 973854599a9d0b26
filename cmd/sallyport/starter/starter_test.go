package starter

import (
	"bufio"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// A person who answers wrongly is asked again, and told why; a pipe is not.
func TestInitAsksAgain(t *testing.T) {
	put := func(person bool, input string) (got, told string, err error) {
		var out strings.Builder
		cmd := &cobra.Command{Use: "init"}
		cmd.SetErr(&out)
		cmd.SetContext(t.Context())
		q := questions{cmd: cmd, in: bufio.NewReader(strings.NewReader(input)), person: person}
		q.put("database", "Which?", func(s string) error {
			got = s
			return checkAddress(s)
		})
		return got, out.String(), q.wrong
	}
	got, told, err := put(true, "nowhere\ndb.internal:5432\n")
	if err != nil || got != "db.internal:5432" {
		t.Errorf("a person got %q, %v; want the second answer", got, err)
	}
	if want := "Which?     \"nowhere\" is no address; write it like \"gw.example.com:51820\"\nWhich? "; told != want {
		t.Errorf("a person reads\n%q, want\n%q", told, want)
	}
	if _, _, err := put(false, "nowhere\ndb.internal:5432\n"); err == nil {
		t.Error("a pipe's wrong answer was taken")
	}
	if _, _, err := put(true, "nowhere"); err == nil {
		t.Error("a person who has left is asked for ever")
	}
}
