package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard"

	"github.com/spf13/cobra"
)

var errNoTailnet = errors.New("the gateway has no tailnet transport; add a tailnet block to its gateway block")

func (r *commands) tailnetCommand() *cobra.Command {
	return cli.Group("tailnet", "The gateway as a node of a tailnet", &cobra.Command{
		Use:   "logout",
		Short: "Give up the gateway's identity in the tailnet",
		Long:  "Makes the tailnet forget the gateway: no agent of it comes in any more. A new auth\nkey (`sallyport secret set`) joins it again as a new node, whose routes and tags\nthe tailnet must approve anew.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.Client().Call(cmd.Context(), http.MethodPost, "/api/v1/tailnet/logout", nil, nil); err != nil {
				return err
			}
			cli.Say(cmd, "The gateway is logged out of the tailnet.")
			return nil
		},
	})
}

func (r *commands) setupCommand() *cobra.Command {
	return cli.Group("setup", "What others must be told of the gateway", &cobra.Command{
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
				return errNoTailnet
			}
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			if err := enc.Encode(fragment(s.Tailnet)); err != nil {
				return fmt.Errorf("print the policy: %w", err)
			}
			for _, step := range steps(s.Tailnet) {
				cli.Say(cmd, "%s", step)
			}
			return nil
		},
	})
}

// A tailnetPolicy is the part of a tailnet's policy that a gateway needs.
type tailnetPolicy struct {
	TagOwners     map[string][]string `json:"tagOwners"`
	AutoApprovers autoApprovers       `json:"autoApprovers"`
	Grants        []grant             `json:"grants"`
}

type autoApprovers struct {
	ExitNode []string            `json:"exitNode,omitempty"`
	Routes   map[string][]string `json:"routes"`
}

type grant struct {
	Src []string `json:"src"`
	Dst []string `json:"dst"`
	IP  []string `json:"ip"`
}

// fragment is what the tailnet must allow: the gateway its tag and routes, agents
// the gateway and what lies behind it, and nothing else.
func fragment(t *dashboard.Tailnet) tailnetPolicy {
	gateway := t.Wanted
	if len(gateway) == 0 {
		gateway = []string{"tag:sallyport"}
	}
	agents := t.Members
	if len(agents) == 0 {
		agents = []string{"tag:agent"}
	}
	p := tailnetPolicy{TagOwners: map[string][]string{}, AutoApprovers: autoApprovers{Routes: map[string][]string{}}}
	for _, who := range slices.Concat(gateway, agents) {
		if strings.HasPrefix(who, "tag:") {
			p.TagOwners[who] = []string{"autogroup:admin"}
		}
	}
	var behind []string
	for _, route := range t.Routes {
		if strings.HasSuffix(route, "/0") {
			p.AutoApprovers.ExitNode = gateway
			continue
		}
		p.AutoApprovers.Routes[route] = gateway
		behind = append(behind, route)
	}
	if len(p.AutoApprovers.ExitNode) > 0 {
		behind = append([]string{"autogroup:internet"}, behind...)
	}
	p.Grants = []grant{
		{Src: agents, Dst: gateway, IP: []string{"tcp:53", "udp:53", "tcp:80"}},
		{Src: agents, Dst: behind, IP: []string{"*"}},
	}
	return p
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
		"In the admin console, under DNS: global nameserver " + address + ", \"override DNS servers\" on,",
		"and \"use with exit node\" on.",
	}
	if len(t.Wanted) == 0 {
		list = append(list, "Tag the gateway: write tags = [\"tag:sallyport\"] into its tailnet block; the key of a node",
			"without a tag expires.")
	}
	if slices.ContainsFunc(t.Routes, func(r string) bool { return strings.HasSuffix(r, "/0") }) {
		return append(list, "On agents' machines: tailscale set --exit-node="+cli.OrDash(t.Hostname)+" --exit-node-allow-lan-access=false --accept-routes",
			"An agent with root there can undo that: it needs an egress firewall, too.")
	}
	return append(list, "On agents' machines: tailscale set --accept-routes. All traffic but that of services stays",
		"outside: the gateway is no firewall for the rest.")
}

// A finding is one check of doctor.
type finding struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Fix   string `json:"fix,omitempty"`
}

func (r *commands) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check what keeps the gateway from working, with the cure",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var s dashboard.Status
			if err := r.Client().Call(cmd.Context(), http.MethodGet, "/api/v1/status", nil, &s); err != nil {
				return err
			}
			found := diagnose(s)
			if err := r.Print(cmd, found, func(w io.Writer) error { return writeFindings(w, found) }); err != nil {
				return err
			}
			if slices.ContainsFunc(found, func(f finding) bool { return !f.OK }) {
				return cli.ExitError{Code: cli.ExitFailed, Quiet: true}
			}
			return nil
		},
	}
}

func writeFindings(w io.Writer, found []finding) error {
	for _, f := range found {
		mark := "ok    "
		if !f.OK {
			mark = "wrong "
		}
		cli.Printf(w, "%s  %s\n", mark, f.Check)
		if f.Fix != "" {
			cli.Printf(w, "        %s\n", f.Fix)
		}
	}
	return nil
}

// diagnose judges how a gateway says that it stands.
func diagnose(s dashboard.Status) []finding {
	found := []finding{{"the gateway is ready", s.Ready == "ready", ""}, {"the configuration is in force", s.ConfigError == "", s.ConfigError}}
	if s.Ready != "ready" {
		found[0].Fix = s.Ready
	}
	t := s.Tailnet
	for _, w := range s.Warnings {
		if t == nil || !slices.Contains(t.Problems, w) {
			found = append(found, finding{"nothing is missing", false, w})
		}
	}
	if t == nil {
		return found
	}
	found = append(found,
		finding{"the node runs in the tailnet", t.State == "Running", ""},
		finding{"every route is approved", t.State == "Running" && len(t.Refused) == 0, ""},
		finding{"the node has its tags", !slices.ContainsFunc(t.Wanted, func(tag string) bool { return !slices.Contains(t.Tags, tag) }), ""},
	)
	for _, problem := range t.Problems {
		found = append(found, finding{"the tailnet node has no problem", false, problem})
	}
	return found
}
