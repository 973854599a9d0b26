package edit

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/cmd/sallyport/cli"

	"github.com/spf13/cobra"
)

func (r *commands) policyCommand() *cobra.Command {
	return cli.Group("policy", "Show the configuration and its history, change any block, go back",
		r.policyShow(), r.policyHistory(), r.policyRollback(), r.policyPut(), r.policyRemove(),
		r.policyProposals(), r.policyApprove(), r.policyReject())
}

func (r *commands) policyShow() *cobra.Command {
	var diff bool
	var file string
	cmd := &cobra.Command{
		Use:   "show [REVISION]",
		Short: "Print the configuration in force, or a revision of it",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && diff {
				return cli.ExitError{Code: cli.ExitUsage, Err: errors.New("say which revision's diff")}
			}
			files := map[string]string{}
			var data any
			if len(args) == 0 {
				t, err := r.text(cmd.Context())
				if err != nil {
					return err
				}
				for _, f := range t.Files {
					files[f.Name] = f.Text
				}
				data = t
			} else {
				rev, err := r.revision(cmd, args[0])
				if err != nil {
					return err
				}
				if diff && !r.JSON {
					return writeDiff(cmd.OutOrStdout(), rev.Diff)
				}
				files, data = rev.Files, rev
			}
			if _, ok := files[file]; file != "" && !ok {
				return cli.ExitError{Code: cli.ExitFailed, Err: fmt.Errorf("there is no file %s in it", file)}
			}
			return r.Print(cmd, data, func(w io.Writer) error { return writeFiles(w, files, file) })
		},
	}
	cmd.Flags().BoolVar(&diff, "diff", false, "print what the revision changed")
	cmd.Flags().StringVar(&file, "file", "", "print only this `FILE`")
	return cmd
}

// writeFiles prints one file, or all under their names.
func writeFiles(w io.Writer, files map[string]string, only string) error {
	if only != "" {
		return writeText(w, files[only])
	}
	for i, name := range sorted(files) {
		gap := ""
		if i > 0 {
			gap = "\n"
		}
		if _, err := fmt.Fprintf(w, "%s# %s\n\n", gap, cli.Printable(name)); err != nil {
			return err
		}
		if err := writeText(w, files[name]); err != nil {
			return err
		}
	}
	return nil
}

// revision reads one revision.
func (r *commands) revision(cmd *cobra.Command, text string) (action.Revision, error) {
	var rev action.Revision
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return rev, cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf("%q is no number of a revision; see `sallyport policy history`", text)}
	}
	return rev, r.Client().Call(cmd.Context(), http.MethodGet, where+"/history/"+strconv.Itoa(n), nil, &rev)
}

func (r *commands) policyHistory() *cobra.Command {
	var limit, before int
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List what the configuration was, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := where + "/history?limit=" + strconv.Itoa(max(limit, 1))
			if before > 0 {
				path += "&before=" + strconv.Itoa(before)
			}
			var list []action.Revision
			if err := r.Client().Call(cmd.Context(), http.MethodGet, path, nil, &list); err != nil {
				return err
			}
			return r.Print(cmd, list, func(w io.Writer) error { return writeHistory(w, list) })
		},
	}
	cmd.Flags().IntVarP(&limit, "limit", "n", 20, "at most `N`")
	cmd.Flags().IntVar(&before, "before", 0, "only those before revision `N`")
	return cmd
}

func writeHistory(w io.Writer, list []action.Revision) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "REVISION\tWHEN\tBY\tFILES\tNOTE")
	for _, rev := range list {
		note := rev.Note
		if rev.To > 0 {
			note = strings.TrimSpace(fmt.Sprintf("back to %d  %s", rev.To, note))
		}
		cli.Printf(t, "%d\t%s\t%s\t%s\t%s\n", rev.Number, rev.Time.Local().Format("2006-01-02 15:04:05"), rev.By,
			strings.Join(rev.Changed, " "), cli.OrDash(note))
	}
	return t.Flush()
}

func (r *commands) policyRollback() *cobra.Command {
	var w wish
	cmd := &cobra.Command{
		Use:   "rollback REVISION",
		Short: "Go back to a revision; that is a revision of its own, through the same checks",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 1 {
				return cli.ExitError{Code: cli.ExitUsage, Err: fmt.Errorf("%q is no number of a revision; see `sallyport policy history`", args[0])}
			}
			return r.propose(cmd, action.Draft{Rollback: n}, w)
		},
	}
	w.flags(cmd)
	return cmd
}

func sorted(files map[string]string) []string { return slices.Sorted(maps.Keys(files)) }
