package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/replay"
	"sallyport.dev/sallyport/policy/source"
	"sallyport.dev/sallyport/policy/suggest"

	"github.com/spf13/cobra"
)

func (b *Bench) suggestCommand() *cobra.Command {
	var when string
	cmd := &cobra.Command{
		Use:   "suggest AGENT|SERVICE",
		Short: "Propose rules from what was recorded of an agent or a service",
		Long: "Reads what the gateway has recorded of an agent, or at a service, and prints the\nfewest rules that would allow what was let through then, as HCL to be read, changed\n" +
			"and put into the configuration. Behind them it says what they would not allow. The\nrules were tried: the configuration loads with them, and they allow what they say.",
		Example: "  sallyport suggest laptop -c ./gateway > proposed.hcl",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b.Find(cmd)
			p, err := b.Load(cmd, b.Config)
			if err != nil {
				return err
			}
			query, err := since(when)
			if err != nil {
				return err
			}
			query += " until:" + time.Now().UTC().Format(time.RFC3339Nano) + " " + about(p, args[0])
			m := &suggest.Maker{
				Subject: args[0], Tables: b.Options.Tables, Policy: p, With: b.with,
				Records: func(ctx context.Context) (replay.Source, func(), error) { return b.recorded(ctx, p, query) },
			}
			got, err := m.Make(cmd.Context())
			if err != nil {
				return broke(err)
			}
			if got.Seen == 0 {
				return cli.ExitError{Code: cli.ExitFailed, Err: fmt.Errorf("nothing is recorded of an agent or a service called %q (--since %s)", args[0], when)}
			}
			return b.Print(cmd, struct {
				*suggest.Proposal
				HCL string `json:"hcl"`
			}{got, string(got.HCL())}, func(w io.Writer) error {
				_, err := w.Write(got.HCL())
				return err
			})
		},
	}
	cmd.Flags().StringVar(&when, "since", "7d", "`AGE` or time of the oldest action")
	return cmd
}

// about makes the part of the query that names the service, or else the agent.
func about(p *policy.Policy, subject string) string {
	field := "agent"
	if slices.ContainsFunc(p.Services(), func(s *action.Service) bool { return s.Name == subject }) {
		field = "service"
	}
	return fmt.Sprintf("%s:%q", field, subject)
}

// with loads the configuration as it would be with the rules.
func (b *Bench) with(rules []byte) (*policy.Policy, error) {
	o := b.Options
	o.Overlay = source.Overlay{}
	info, err := os.Stat(b.Config)
	if err != nil {
		return nil, usage("read the configuration: %w", err)
	}
	if info.IsDir() {
		o.Overlay[filepath.Join(b.Config, "zz-suggested.hcl")] = rules
	} else {
		text, err := os.ReadFile(b.Config)
		if err != nil {
			return nil, usage("read the configuration: %w", err)
		}
		o.Overlay[b.Config] = append(append(text, '\n'), rules...)
	}
	p, _, diags := policy.Draft(b.Config, o)
	if p == nil {
		var list []string
		for _, d := range diags {
			list = append(list, d.Error())
		}
		return nil, errors.New("the proposed rules do not load, which is a mistake of this program: " + strings.Join(list, "; "))
	}
	return p, nil
}
