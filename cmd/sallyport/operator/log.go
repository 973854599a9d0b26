package operator

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard/deeds"

	"github.com/spf13/cobra"
)

func (r *commands) log() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Show what operators did, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []deeds.Entry
			path := "/api/v1/operators/audit?limit=" + strconv.Itoa(limit)
			if err := r.Client().Call(cmd.Context(), http.MethodGet, path, nil, &list); err != nil {
				return err
			}
			return r.Print(cmd, list, func(w io.Writer) error {
				for _, e := range list {
					if _, err := fmt.Fprintln(w, line(e)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().IntVarP(&limit, "limit", "n", 50, "how `many` entries, at most 500")
	return cmd
}

// pairs lists what is named, each behind a comma.
func pairs(list map[string]string) string {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(list)) {
		switch value := list[name]; {
		case value == "":
		case name == "bodies" && value == "true":
			text += " with bodies"
		default:
			text += fmt.Sprintf(", %s %s", name, value)
		}
	}
	return text
}

// line tells one deed.
func line(e deeds.Entry) string {
	what, known := inWords(e)
	if !known {
		what = e.What
		for name, value := range e.On {
			what = strings.ReplaceAll(what, "{"+name+"}", value)
		}
	}
	failed := e.Status >= 400 || e.Err != ""
	switch {
	case failed && known:
		what = tried(what)
	case failed:
		what = "tried " + what
	}
	text := fmt.Sprintf("%s  %s from %s: %s", e.Time.Local().Format(time.DateTime), e.Who, e.From, what)
	if known {
		text += pairs(e.On)
	}
	text += pairs(e.Notes)
	if failed {
		text += ": " + outcome(e) + ": " + cmp.Or(e.Err, http.StatusText(e.Status))
	}
	return cli.Printable(text)
}

// outcome says that a deed was not done: refused, or not possible.
func outcome(e deeds.Entry) string {
	text := "refused"
	if e.Status >= 500 {
		text = "failed"
	}
	if e.Status != 0 {
		text += fmt.Sprintf(" (%d)", e.Status)
	}
	return text
}
