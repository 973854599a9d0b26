package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/policy"

	"github.com/spf13/cobra"
)

func (r *root) explainCommand() *cobra.Command {
	var h policy.Hypothesis
	cmd := &cobra.Command{
		Use:     "explain ID | --role ROLE 'GET https://…' | --role ROLE --service SERVICE 'SQL'",
		Short:   "Say what becomes of an action, and why",
		Long:    "Says what becomes of an action, and why: of a request or SQL by the configuration\nof -c, of a recorded action (ID) how it was judged then, and how it would be by the\nconfiguration of -c, or else by the rules in force at the gateway.",
		Example: "  sallyport explain -c ./gateway 'DELETE https://api.github.com/repos/acme/site'\n  sallyport explain -c ./gateway --role analyst --service app_db 'DELETE FROM carts'\n  sallyport explain 0PGHVL40S6HCIL6EMDU44I6L",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !strings.ContainsAny(args[0], " /") && h.Service == "" {
				return r.explainRecorded(cmd, args[0])
			}
			r.find(cmd)
			p, err := r.load(cmd)
			if err != nil {
				return err
			}
			e, err := explain(p, h, args[0])
			if err != nil {
				return err
			}
			if err := r.Print(cmd, e, func(w io.Writer) error { return writeExplanation(w, e) }); err != nil {
				return err
			}
			if e.Decision.Verdict == action.Deny {
				return cli.ExitError{Code: cli.ExitDenied, Quiet: true}
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&h.Roles, "role", nil, "`ROLE` of the agent (default: the only one there is)")
	cmd.Flags().StringVar(&h.Service, "service", "", "`SERVICE` it is for; needed for SQL")
	cmd.Flags().StringVar(&h.Trial.Database, "database", "", "`DATABASE` of the SQL")
	cmd.Flags().StringVar(&h.Agent, "agent", "", "`NAME` of the agent")
	return cmd
}

// explain judges what was given: a request, or SQL.
func explain(p *policy.Policy, h policy.Hypothesis, what string) (policy.Explanation, error) {
	method, target, _ := strings.Cut(what, " ")
	switch {
	case strings.Contains(target, "://") || strings.HasPrefix(target, "/") && method == strings.ToUpper(method):
		h.Trial.Method, h.Trial.URL = method, target
	case h.Service != "":
		h.Trial.SQL = what
	default:
		return policy.Explanation{}, cli.ExitError{Code: cli.ExitUsage, Err: errors.New("write a request as 'GET https://…', or name the service of SQL with --service")}
	}
	if err := known(p, &h); err != nil {
		return policy.Explanation{}, cli.ExitError{Code: cli.ExitUsage, Err: err}
	}
	e, err := p.Try(h)
	if err != nil {
		return e, cli.ExitError{Code: cli.ExitUsage, Err: err}
	}
	return e, nil
}

// known checks the names of a hypothesis. Without a role it takes the only one.
func known(p *policy.Policy, h *policy.Hypothesis) error {
	roles := p.RoleNames()
	if len(h.Roles) == 0 && len(roles) == 1 {
		h.Roles = roles
	}
	for _, role := range h.Roles {
		if !slices.Contains(roles, role) {
			return fmt.Errorf("no role is called %q; the configuration has %s", role, cli.OrDash(strings.Join(roles, ", ")))
		}
	}
	var services []string
	for _, s := range p.Services() {
		services = append(services, s.Name)
	}
	if h.Service != "" && !slices.Contains(services, h.Service) {
		return fmt.Errorf("no service is called %q; the configuration has %s", h.Service, cli.OrDash(strings.Join(services, ", ")))
	}
	return nil
}

// writeSpot shows a line of SQL and points at what is wrong in it.
func writeSpot(w io.Writer, s action.Spot) {
	text := cli.PrintableTabs(s.Text)
	before := []rune(text)
	lead := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(before[:min(s.Column-1, len(before))]))
	fmt.Fprintf(w, "%4d | %s\n     | %s^\n", s.Line, text, lead)
}

// verdictLine is a verdict, with its reason where it has one.
func verdictLine(w io.Writer, v action.Verdict, reason string) string {
	return strings.TrimRight(cli.VerdictText(w, v)+"  "+cli.Printable(reason), " ")
}

func writeExplanation(w io.Writer, e policy.Explanation) error {
	fmt.Fprintln(w, verdictLine(w, e.Decision.Verdict, e.Decision.Reason))
	if e.Wrong != nil {
		writeSpot(w, *e.Wrong)
	}
	switch e.Refused {
	case "":
	case e.Decision.Reason:
		fmt.Fprintln(w, "  refused before any rule")
	default:
		fmt.Fprintf(w, "  refused before any rule: %s\n", cli.Printable(e.Refused))
	}
	if e.Service != "" {
		fmt.Fprintf(w, "  service %s, roles %s\n", e.Service, cli.OrDash(strings.Join(e.Roles, ", ")))
	}
	if e.Unsure != "" {
		fmt.Fprintf(w, "  %s\n", cli.Printable(e.Unsure))
	}
	cli.WriteTrace(w, e.Parts)
	for _, name := range e.Silent {
		fmt.Fprintf(w, "    rule %q speaks of something else\n", name)
	}
	return nil
}
