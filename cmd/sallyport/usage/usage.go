// Package usage is the command that says what language models took. It asks the
// running gateway and adds nothing up itself.
package usage

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/usage"
	"sallyport.dev/sallyport/cmd/sallyport/cli"

	"github.com/spf13/cobra"
)

// Command makes the command.
func Command(env *cli.Env) *cobra.Command {
	var by, since, until, step string
	cmd := &cobra.Command{
		Use:     "usage",
		Short:   "Show the tokens and the money that language models took",
		Long:    "Shows what language models took, in groups: requests, tokens and, where the model has a price, money.\nThings to group by: " + strings.Join(usage.Dimensions(), ", ") + "; total adds all up.",
		Example: "  sallyport usage --by agent,model --since 24h",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"by": {by}, "since": {since}}
			for name, value := range map[string]string{"until": until, "step": step} {
				if value != "" {
					q.Set(name, value)
				}
			}
			var report usage.Report
			if err := env.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/usage?"+q.Encode(), nil, &report); err != nil {
				return err
			}
			if err := env.Print(cmd, report, func(w io.Writer) error { return write(w, &report) }); err != nil {
				return err
			}
			notes(cmd, &report)
			return nil
		},
	}
	cmd.Flags().StringVar(&by, "by", "agent", "`WORD,…` to group by, with commas")
	cmd.Flags().StringVar(&since, "since", "7d", "`WHEN` it begins: 24h, 7d, today (UTC), a date or a time")
	cmd.Flags().StringVar(&until, "until", "", "`WHEN` it ends: a date or a time")
	cmd.Flags().StringVar(&step, "step", "", "with --json, a line over time by `UNIT`: hour or day")
	return cmd
}

// write prints a table, with the sum of all at its end.
func write(w io.Writer, r *usage.Report) error {
	if r.Total.Requests == 0 {
		return nil
	}
	rows := make([][]string, 0, len(r.Groups)+2)
	head := make([]string, len(r.By))
	for i, d := range r.By {
		head[i] = strings.ToUpper(d)
	}
	rows = append(rows, head)
	for i := range r.Groups {
		rows = append(rows, names(&r.Groups[i]))
	}
	if len(r.By) > 0 {
		rows = append(rows, append([]string{"total"}, make([]string, len(r.By)-1)...))
	}
	flush(rows)
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	for i, row := range rows {
		for _, cell := range row {
			fmt.Fprint(tw, cell, "\t")
		}
		switch {
		case i == 0:
			fmt.Fprintln(tw, "REQUESTS\tINPUT\tCACHED\tOUTPUT\tCOST\t")
		case i <= len(r.Groups):
			line(tw, &r.Groups[i-1].Sum)
		default:
			line(tw, &r.Total)
		}
	}
	return tw.Flush()
}

// names are the cells that say which group it is.
func names(g *usage.Group) []string {
	row := make([]string, len(g.Key))
	for i, key := range g.Key {
		row[i] = cli.OrDash(cli.Printable(key))
		if g.Rest > 0 {
			row[i] = ""
		}
	}
	if g.Rest > 0 && len(row) > 0 {
		row[0] = fmt.Sprintf("%d others", g.Rest)
	}
	return row
}

// flush makes the cells of a column as wide as the widest: names begin at the left,
// beside numbers that end at the right.
func flush(rows [][]string) {
	for i := range rows[0] {
		widest := 0
		for _, row := range rows {
			widest = max(widest, utf8.RuneCountInString(row[i]))
		}
		for _, row := range rows {
			row[i] += strings.Repeat(" ", widest-utf8.RuneCountInString(row[i]))
		}
	}
}

func line(w io.Writer, s *usage.Sum) {
	cost := Money(s.Cost)
	switch {
	case s.Unpriced > 0 && s.Unpriced == s.Requests:
		cost = "no price"
	case s.Unpriced > 0:
		cost += " + no price"
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t\n", digits(s.Requests), digits(s.Prompt()), digits(s.CacheRead), digits(s.Output), cost)
}

// notes says what the numbers do not.
func notes(cmd *cobra.Command, r *usage.Report) {
	if r.Total.Requests == 0 {
		cli.Say(cmd, "No language model has answered since %s. Agents reach one through a service such as: service \"openai\" {}", r.Since.Local().Format("2006-01-02 15:04"))
		return
	}
	if n := r.Total.Estimated; n > 0 {
		cli.Say(cmd, "%s did not say what they took, or broke off: their tokens are estimated by their length.", cli.Count(int(n), "answer"))
	}
	if len(r.Unpriced) > 0 {
		defer cli.Say(cmd, "A block price \"NAME\" { … } in the configuration gives a model a price.")
	}
	for i, u := range r.Unpriced {
		if i == 10 {
			cli.Say(cmd, "… and %d more without a price.", len(r.Unpriced)-i)
			break
		}
		cli.Say(cmd, "No price: %s of %s (%s, %s tokens), not in the sum.", cli.OrDash(u.Model), u.Provider, cli.Count(int(u.Requests), "request"), digits(u.Tokens))
	}
}

// Money says billionths of a dollar as a person reads them.
func Money(nano int64) string {
	switch {
	case nano == 0:
		return "$0"
	case nano < 50_000:
		return "<$0.0001"
	case nano < 10_000_000_000:
		return "$" + strconv.FormatFloat(float64(nano)/1e9, 'f', 4, 64)
	}
	cents := (nano + 5_000_000) / 10_000_000
	return fmt.Sprintf("$%s.%02d", digits(cents/100), cents%100)
}

// Took says what one call took, in a line.
func Took(u *action.Usage) string {
	about, cost := "", "no price"
	if u.Estimated {
		about = "about "
	}
	if u.Price != "" {
		cost = Money(u.Cost)
	}
	return fmt.Sprintf("%s%s → %s tokens, %s", about, digits(u.Prompt()), digits(u.Output), cost)
}

// digits puts a comma between thousands.
func digits(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
