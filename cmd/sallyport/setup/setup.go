// Package setup holds the commands that say what others must be told of a gateway,
// so far its tailnet, and that take it out of there. What they print follows from
// the configuration in force.
package setup

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard"

	"github.com/spf13/cobra"
)

// commands is what they share.
type commands struct{ *cli.Env }

// Commands lists the commands; env is read when one runs.
func Commands(env *cli.Env) []*cobra.Command {
	r := &commands{env}
	return []*cobra.Command{r.tailnetCommand(), r.setupCommand()}
}

var errNoTailnet = errors.New("the gateway runs without a tailnet; its gateway block takes one, such as tailnet { auth_key = secret.ts_auth_key }, at the next start")

func (r *commands) tailnetCommand() *cobra.Command {
	return cli.Group("tailnet", "Take the gateway out of its tailnet", &cobra.Command{
		Use:   "logout",
		Short: "Give up the gateway's identity in the tailnet",
		Long:  "Makes the tailnet forget the gateway: no agent of it comes in any more. A new auth\nkey (`sallyport secret set`) joins it again as a new node, whose routes and tags\nthe tailnet must approve anew.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.Client().Call(cmd.Context(), http.MethodPost, "/api/v1/tailnet/logout", nil, nil); err != nil {
				return err
			}
			return r.Tell(cmd, cli.Deed{Kind: "tailnet", Done: "logged out"}, "The gateway is logged out of the tailnet.")
		},
	})
}

func (r *commands) setupCommand() *cobra.Command {
	return cli.Group("setup", "Print what others must be told of the gateway", &cobra.Command{
		Use:   "tailnet",
		Short: "Print what to paste into the tailnet's policy",
		Long:  "Prints the fragment of the tailnet's policy that this gateway and its rules need, on\nstdout; and what else there is to do in the admin console and on agents' machines.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var s dashboard.Status
			if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/status", nil, &s); err != nil {
				return err
			}
			if s.Tailnet == nil {
				return cli.ExitError{Code: cli.ExitUsage, Err: errNoTailnet}
			}
			return r.showTailnet(cmd, s.Tailnet)
		},
	})
}

// showTailnet prints the policy, which is JSON by itself, and says the steps; with
// --json both are data.
func (r *commands) showTailnet(cmd *cobra.Command, t *dashboard.Tailnet) error {
	var policy any = fragment(t)
	if t.Control != "" {
		policy = headscale(t)
	}
	if r.JSON {
		return r.Print(cmd, map[string]any{"policy": policy, "steps": steps(t)}, nil)
	}
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetIndent("", "  ")
	if err := enc.Encode(policy); err != nil {
		return fmt.Errorf("print the policy: %w", err)
	}
	for _, step := range steps(t) {
		cli.Say(cmd, "%s", step)
	}
	return nil
}

// steps says what no policy can do.
func steps(t *dashboard.Tailnet) []string {
	address := "the gateway's address (it has none before it has joined)"
	if len(t.Addresses) > 0 {
		address = t.Addresses[0]
	}
	list := []string{
		"Paste that into the tailnet's policy. Give agents no grant to anything else: what they reach",
		"directly goes past the gateway.",
	}
	if len(t.Wanted) == 0 {
		list = append(list, "Tag the gateway: write tags = [\"tag:sallyport\"] into its tailnet block; the key of a node",
			"without a tag expires.")
	}
	if t.Control == "" {
		list = append(list, "In the admin console, under DNS, turn on MagicDNS and HTTPS certificates, for operators' pages.",
			"Whoever of the people may operate the gateway stands in the last grant, or in its operators block.")
	} else {
		list = append(list, "Whoever operates the gateway stands in its operators block, and needs a line of their own in that policy, as",
			`{"action": "accept", "src": ["ana@acme.dev"], "dst": ["`+gatewayOf(t)+`:80,443,8484"]}.`)
	}
	if slices.ContainsFunc(t.Routes, func(r string) bool { return strings.HasSuffix(r, "/0") }) {
		return append(list, "Names need no setting: a machine with an exit node asks that one. If the tailnet names a server",
			"\"to be used with exit nodes\", let it be "+address+" alone.",
			"On agents' machines: tailscale set --exit-node="+cli.OrDash(t.Hostname)+" --exit-node-allow-lan-access=false --accept-routes",
			"An agent with root there can undo that: it needs an egress firewall, too.")
	}
	return append(list, "Under DNS, name "+address+" as a nameserver for the domains of services (split DNS).",
		"On agents' machines: tailscale set --accept-routes. All traffic but that of services stays",
		"outside: the gateway is no firewall for the rest.")
}

// gatewayOf is the tag by which the policy knows the gateway.
func gatewayOf(t *dashboard.Tailnet) string {
	gateway, _ := parties(t)
	return gateway[0]
}
