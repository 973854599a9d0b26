package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

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
	"sallyport.dev/sallyport/cmd/sallyport/setup"

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
		Use:           "sallyport",
		Short:         "A security gateway for AI agents",
		Long:          "Sallyport stands between AI agents and production: it judges every request and\nevery SQL statement by rules you write, asks a person where a rule says so, and\nadds secrets that the agent never sees.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	flags := cmd.PersistentFlags()
	flags.StringVarP(&r.Config, "config", "c", cli.DefaultConfig(), "configuration `PATH`: a file, or a directory of *.hcl")
	flags.StringVar(&r.Gateway, "gateway", "", "gateway to talk to: a `SOCKET`, or an URL with $SALLYPORT_TOKEN (default: $SALLYPORT_URL, else admin.sock in the state directory)")
	flags.BoolVar(&r.JSON, "json", false, "print JSON")
	cmd.AddCommand(
		r.serveCommand(), r.demoCommand(), r.initCommand(),
		r.checkCommand(), r.fmtCommand(), r.explainCommand(),
		r.dbRoleCommand(), r.presetsCommand(), r.versionCommand(),
	)
	bench := &replay.Bench{Env: &r.Env, Options: build().Policy, Load: r.loadFrom}
	cmd.AddCommand(bench.Commands()...)
	cmd.AddCommand(admin.Commands(&r.Env)...)
	cmd.AddCommand(secret.Commands(&r.Env)...)
	cmd.AddCommand(archive.Commands(&r.Env)...)
	cmd.AddCommand(operator.Commands(&r.Env)...)
	cmd.AddCommand(approvals.Command(&r.Env))
	cmd.AddCommand(setup.Commands(&r.Env)...)
	cmd.AddCommand(doctor.Command(&r.Env))
	cmd.AddCommand(edit.Commands(&r.Env)...)
	cmd.AddCommand(lsp.Command(&r.Env, build().Policy, buildVersion()))
	cli.ShowUsage(cmd)
	return cmd
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
