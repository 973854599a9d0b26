package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"
)

const develVersion = "(devel)"

// version is set by the linker; without it, see buildVersion.
var version = ""

// A root holds what every command shares.
type root struct {
	config  string // -c
	gateway string // --gateway
	json    bool
}

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
	flags.StringVarP(&r.config, "config", "c", defaultConfig(), "configuration `PATH`: a file, or a directory of *.hcl")
	flags.StringVar(&r.gateway, "gateway", "", "gateway to talk to: a `SOCKET` (default: $SALLYPORT_URL, else admin.sock in the state directory)")
	flags.BoolVar(&r.json, "json", false, "print JSON")
	cmd.AddCommand(
		r.serveCommand(), r.demoCommand(), r.initCommand(),
		r.checkCommand(), r.fmtCommand(), r.testCommand(), r.explainCommand(),
		r.agentCommand(), r.secretCommand(), r.approvalsCommand(),
		r.logCommand(), r.auditCommand(), r.statusCommand(), r.caCommand(), r.presetsCommand(), versionCommand(),
	)
	return cmd
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "sallyport "+buildVersion())
			return err
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

// defaultConfig is where a configuration stands unless -c says otherwise.
func defaultConfig() string {
	if os.Geteuid() == 0 {
		return "/etc/sallyport"
	}
	if dir, err := os.UserConfigDir(); err == nil {
		return filepath.Join(dir, "sallyport")
	}
	return "sallyport"
}

// defaultState is where a gateway keeps its state unless the configuration says
// otherwise.
func defaultState() string {
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "sallyport")
	}
	if os.Geteuid() == 0 {
		return "/var/lib/sallyport"
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "sallyport")
	}
	return "sallyport-state"
}
