package admin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/netstack"

	"github.com/spf13/cobra"
)

func (r *commands) agentCommand() *cobra.Command {
	return cli.Group("agent", "Enrol agents, look at them, cut them off",
		r.agentAdd(), r.agentApprove(), r.agentList(), r.agentShow(),
		r.agentChange("rm", "Remove an agent; its connections end within a second", "removed", http.MethodDelete, ""),
		r.agentFreeze("freeze", "Cut an agent off until it is unfrozen", "frozen"),
		r.agentFreeze("unfreeze", "Let a frozen agent back in", "active again"),
	)
}

func (r *commands) agentAdd() *cobra.Command {
	var e dashboard.Enrolment
	var conf string
	var rekey bool
	cmd := &cobra.Command{
		Use:     "add NAME",
		Short:   "Enrol an agent and print its wg-quick configuration",
		Long:    "Enrols an agent and prints a stock wg-quick configuration. The private key in it\nis shown this once and not kept; --rekey makes a new one for an agent that is\nenrolled already, which keeps its address.",
		Example: "  sallyport agent add laptop --conf laptop.conf\n  sallyport agent add ci --role deployer --expires 8h > ci.conf\n  sallyport agent add laptop --rekey --conf laptop.conf",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e.Name = args[0]
			path := "/api/v1/agents"
			if rekey {
				path += "/" + url.PathEscape(e.Name) + "/rekey"
			}
			if _, err := os.Lstat(conf); err == nil && !rekey { // it may hold a key that nobody has besides
				return cli.Usage("--conf %s: it exists already; name another file, or remove it; for an agent that is enrolled already, --rekey replaces it", conf)
			}
			file, err := newPrivate(conf)
			if err != nil {
				return err
			}
			defer file.discard()
			var got dashboard.Enrolled
			if err := r.Client().Call(cmd.Context(), http.MethodPost, path, e, &got); err != nil {
				return cli.Hinted(err, map[string]string{
					"is enrolled already": "--rekey gives it a new key", "name a role for": "say which with --role", "is no duration": "--expires takes one",
				})
			}
			return r.showEnrolled(cmd, got, file)
		},
	}
	cmd.Flags().StringSliceVar(&e.Roles, "role", nil, "`ROLE` to enrol it into (default: the only one there is)")
	cmd.Flags().StringVar(&e.Expires, "expires", "", "`DURATION` after which the enrolment ends by itself, such as 8h")
	cmd.Flags().StringVar(&conf, "conf", "", "write the configuration to `FILE` (mode 0600) instead")
	cmd.Flags().BoolVar(&e.Split, "split", false, "route only what services declare to the gateway; it is no firewall for the rest then")
	cmd.Flags().BoolVar(&rekey, "rekey", false, "give an enrolled agent a new key")
	return cmd
}

// showEnrolled hands the configuration over: to a file if one was named, else to
// stdout. A key that a full disk does not take is not lost: it is shown.
func (r *commands) showEnrolled(cmd *cobra.Command, got dashboard.Enrolled, file *private) error {
	failed := file.keep(got.Config)
	if file != nil && failed == nil {
		got.Config = ""
	}
	err := r.Print(cmd, got, func(w io.Writer) error {
		_, err := io.WriteString(w, got.Config)
		return err
	})
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	cli.Say(cmd, "%s is enrolled at %s%s.", got.Agent.Name, got.Agent.Address, inRoles(got.Agent.Roles))
	if file != nil {
		cli.Say(cmd, "On its machine:  wg-quick up %s", asPath(file.path))
	}
	cli.Say(cmd, "Then, there:     curl -fsS http://%s/", netstack.GatewayName)
	if got.Notice != "" {
		again := "sallyport agent add " + got.Agent.Name + " --rekey"
		if file != nil {
			again += " --conf " + file.path
		}
		cli.Say(cmd, "Warning:         %s:\n                 %s", got.Notice, again)
	}
	return nil
}

// asPath writes a path so that it is not taken for a name: wg-quick looks for a name in
// /etc/wireguard.
func asPath(path string) string {
	if strings.ContainsRune(path, filepath.Separator) {
		return path
	}
	return "./" + path
}

func (r *commands) agentApprove() *cobra.Command {
	var e dashboard.Enrolment
	cmd := &cobra.Command{
		Use:   "approve NODE",
		Short: "Let a waiting node of the tailnet in",
		Long:  "Lets a node of the tailnet in that has come to the gateway and waits. `sallyport\nagent ls` shows whose it is: the name alone is its owner's choice. It keeps the\nname that it has now.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var got dashboard.Agent
			if err := r.Client().Call(cmd.Context(), http.MethodPost, "/api/v1/agents/"+url.PathEscape(args[0])+"/approve", e, &got); err != nil {
				return cli.Hinted(err, map[string]string{"name a role for": "say which with --role"})
			}
			return r.Tell(cmd, got, "%s is approved%s.", got.Name, inRoles(got.Roles))
		},
	}
	cmd.Flags().StringSliceVar(&e.Roles, "role", nil, "`ROLE` to enrol it into (default: the only one there is)")
	return cmd
}

func inRoles(roles []string) string {
	if len(roles) == 0 {
		return ", in no role"
	}
	return ", in role " + strings.Join(roles, ", ")
}

func (r *commands) agentList() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the agents",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var agents []dashboard.Agent
			if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/agents", nil, &agents); err != nil {
				return err
			}
			return r.Print(cmd, agents, func(w io.Writer) error {
				if len(agents) == 0 {
					cli.Say(cmd, "No agent is enrolled; enrol one with `sallyport agent add NAME`.")
					return nil
				}
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "NAME\tADDRESS\tROLES\tSTATE\tLAST HANDSHAKE\tRECEIVED\tSENT")
				for _, a := range agents {
					cli.Printf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Name, cli.OrDash(a.Address), cli.OrDash(strings.Join(a.Roles, ",")),
						stateOf(a), cli.Ago(a.Link.LastHandshake), cli.Size(a.Link.Received), cli.Size(a.Link.Sent))
				}
				return t.Flush()
			})
		},
	}
}

// stateOf says whose a node is that nobody has approved.
func stateOf(a dashboard.Agent) string {
	owner := a.User
	if len(a.Tags) > 0 {
		owner = strings.Join(a.Tags, ",")
	}
	if a.State != "waiting" || owner == "" {
		return a.State
	}
	return a.State + ", of " + owner
}

func (r *commands) agentShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show what an agent can do, its address and its traffic",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var a dashboard.Agent
			if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/agents/"+url.PathEscape(args[0]), nil, &a); err != nil {
				return err
			}
			return r.Print(cmd, a, func(w io.Writer) error {
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				cli.Printf(t, "Agent:\t%s (%s)\n", a.Name, a.State)
				cli.Printf(t, "Address:\t%s\n", cli.OrDash(a.Address))
				if a.Node != "" {
					cli.Printf(t, "Node:\t%s, of %s\n", a.Node, cli.OrDash(strings.Join(append(a.Tags, a.User), " ")))
				}
				cli.Printf(t, "Enrolled:\t%s%s\n", a.Created.Local().Format(time.DateTime), inRoles(a.Roles))
				if !a.Expires.IsZero() {
					cli.Printf(t, "Expires:\t%s\n", a.Expires.Local().Format(time.DateTime))
				}
				cli.Printf(t, "Last handshake:\t%s\n", cli.Ago(a.Link.LastHandshake))
				cli.Printf(t, "Traffic:\t%s received, %s sent\n", cli.Size(a.Link.Received), cli.Size(a.Link.Sent))
				if err := t.Flush(); err != nil {
					return err
				}
				return cli.PrintLines(w, "", "\n"+a.Markdown)
			})
		},
	}
}

// agentChange is a command that changes one agent and prints nothing but what
// happened.
func (r *commands) agentChange(verb, short, state, method, suffix string) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " NAME",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/api/v1/agents/" + url.PathEscape(args[0]) + suffix
			if err := r.Client().Call(cmd.Context(), method, path, nil, nil); err != nil {
				return err
			}
			return r.Tell(cmd, cli.Deed{Kind: "agent", Name: args[0], Done: state}, "%s is %s.", args[0], state)
		},
	}
}

func (r *commands) agentFreeze(verb, short, state string) *cobra.Command {
	cmd := r.agentChange(verb, short, state, http.MethodPost, "/"+verb)
	one := cmd.RunE
	var all bool
	cmd.Use = verb + " NAME | --all"
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if all == (len(args) == 1) || len(args) > 1 {
			return fmt.Errorf("%s takes one NAME, or --all", verb)
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !all {
			return one(cmd, args)
		}
		if err := r.Client().Call(cmd.Context(), http.MethodPost, "/api/v1/agents/"+verb, nil, nil); err != nil {
			return err
		}
		return r.Tell(cmd, cli.Deed{Kind: "every agent", Done: state}, "Every agent is %s.", state)
	}
	cmd.Flags().BoolVar(&all, "all", false, "every agent at once")
	return cmd
}
