package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"

	"sallyport.dev/sallyport/cmd/sallyport/admin"
	"sallyport.dev/sallyport/cmd/sallyport/approvals"
	"sallyport.dev/sallyport/cmd/sallyport/archive"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/cmd/sallyport/doctor"
	"sallyport.dev/sallyport/cmd/sallyport/edit"
	"sallyport.dev/sallyport/cmd/sallyport/lsp"
	"sallyport.dev/sallyport/cmd/sallyport/operator"
	"sallyport.dev/sallyport/cmd/sallyport/replay"
	"sallyport.dev/sallyport/cmd/sallyport/secret"
	"sallyport.dev/sallyport/cmd/sallyport/service"
	"sallyport.dev/sallyport/cmd/sallyport/session"
	"sallyport.dev/sallyport/cmd/sallyport/setup"
	"sallyport.dev/sallyport/cmd/sallyport/starter"
	"sallyport.dev/sallyport/cmd/sallyport/usage"

	"github.com/spf13/cobra"
)

const develVersion = "(devel)"

// version is set by the linker; without it, see buildVersion.
var version = ""

// A root is what the commands of this package share.
type root struct{ cli.Env }

func newRoot() *cobra.Command {
	r := &root{}
	cmd := &cobra.Command{
		Use:   "sallyport",
		Short: "A security gateway for AI agents",
		Long:  "Sallyport stands between AI agents and production: it judges every request and\nevery SQL statement by rules you write, asks a person where a rule says so, and\nadds secrets that the agent never sees.",
		Example: "  sallyport demo                 see it all, without configuration or root\n" +
			"  sallyport init ./gateway       write a first configuration\n" +
			"  sallyport serve -c ./gateway   run it",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return cli.Unknown(cmd, args[0])
		},
	}
	flags := cmd.PersistentFlags()
	flags.StringVarP(&r.Config, "config", "c", cli.DefaultConfig(), "configuration, `PATH` of a file or of a directory of *.hcl")
	flags.StringVar(&r.Gateway, "gateway", "", "gateway to talk to, by `SOCKET|URL`; an URL takes $SALLYPORT_TOKEN\n(default: $SALLYPORT_URL, else admin.sock in the state directory)")
	flags.BoolVar(&r.JSON, "json", false, "print data, and errors, as JSON")
	r.group(cmd, "Start:", r.demoCommand(), starter.Command(&r.Env, r.loadFrom), r.serveCommand(), doctor.Command(&r.Env))
	bench := &replay.Bench{Env: &r.Env, Options: build().Policy, Load: r.loadFrom, Find: r.find}
	r.group(cmd, "Write rules, without a gateway:", append(bench.Offline(),
		r.checkCommand(), r.explainCommand(), r.fmtCommand(), r.presetsCommand(), cli.Plain(lsp.Command(&r.Env, build().Policy, buildVersion()), "what an editor reads"))...)
	r.group(cmd, "Change a running gateway, knowing what it will do:", append(bench.Online(), edit.Commands(&r.Env)...)...)
	r.group(cmd, "Watch, and answer:", append(admin.Watching(&r.Env), session.Command(&r.Env), approvals.Command(&r.Env), usage.Command(&r.Env), service.Command(&r.Env))...)
	r.group(cmd, "Agents, and what is injected for them:", slices.Concat(admin.Enrolling(&r.Env), secret.Commands(&r.Env), setup.Commands(&r.Env), []*cobra.Command{r.dbRoleCommand()})...)
	r.group(cmd, "People, programs, and the day the machine is gone:", slices.Concat(operator.Commands(&r.Env), archive.Commands(&r.Env))...)
	cmd.AddCommand(r.versionCommand(), cli.Completion())
	cli.Explain(cmd)
	cli.ShowUsage(cmd)
	return cmd
}

// group adds commands under a title of the help.
func (r *root) group(cmd *cobra.Command, title string, children ...*cobra.Command) {
	cmd.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, c := range children {
		c.GroupID = title
	}
	cli.Add(cmd, children...)
}

func (r *root) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := map[string]string{"version": buildVersion(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			return r.Print(cmd, v, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, "sallyport "+v["version"])
				return err
			})
		},
	}
}

// buildVersion is what the linker was told, else the module's version, else the
// commit it was built from.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return develVersion
	}
	if v := info.Main.Version; v != "" && v != develVersion {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return develVersion + " " + s.Value[:12]
		}
	}
	return develVersion
}
