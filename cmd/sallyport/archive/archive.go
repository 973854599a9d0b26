// Package archive has the commands that save a gateway and make it again: backup
// asks the running one for a sealed archive, restore opens it where no gateway is.
package archive

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/internal/node/safe"
	"sallyport.dev/sallyport/vault/backup"

	"filippo.io/age"
	"github.com/spf13/cobra"
)

const (
	maxPassphrase = 4 << 10
	maxIdentity   = 64 << 10
)

type commands struct{ *cli.Env }

// Commands gives backup and restore.
func Commands(env *cli.Env) []*cobra.Command {
	c := &commands{env}
	return []*cobra.Command{c.backup(), c.restore()}
}

func (c *commands) backup() *cobra.Command {
	var to []string
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Save a gateway into a sealed file",
		Long: "Saves what a gateway cannot be made again without, sealed by age with a passphrase or for\nage keys: the database of the state directory (enrolments, sealed secrets, the CA, the\n" +
			"gateway's own keys) and the key that opens it. The audit log is not in it: its files are\ncopied as they are.",
		Example: "  sallyport backup monday.age                  # asks for a passphrase of 12 characters or more\n  sallyport backup monday.age -r age1…         # without a question, for cron",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			how := dashboard.Sealing{Recipients: to}
			if len(to) == 0 {
				phrase, err := cli.ReadNewSecret(cmd, "passphrase of the backup", maxPassphrase, backup.Strong)
				if err != nil {
					return err
				}
				how.Passphrase = string(phrase)
			}
			return c.save(cmd, args[0], how)
		},
	}
	cmd.Flags().StringArrayVarP(&to, "recipient", "r", nil, "age `KEY` that can open it, instead of a passphrase; may be repeated")
	return cmd
}

// save writes the archive to a new file, whole or not at all.
func (c *commands) save(cmd *cobra.Command, path string, how dashboard.Sealing) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return cli.FileError("write", path, err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(path) //nolint:errcheck // the error that is told says more
		}
	}()
	resp, err := c.Client().Do(cmd.Context(), http.MethodPost, "/api/v1/backup", how)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	n, err := io.Copy(f, resp.Body)
	if err == nil && n != resp.ContentLength {
		err = fmt.Errorf("the gateway sent %d bytes of %d", n, resp.ContentLength)
	}
	if err = errors.Join(err, f.Sync()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return c.Tell(cmd, map[string]any{"file": path, "bytes": n},
		"%s holds the gateway, sealed: %d bytes. Try it once: sallyport restore %[1]s --state /tmp/elsewhere", path, n)
}

func (c *commands) restore() *cobra.Command {
	var state, identity string
	cmd := &cobra.Command{
		Use:     "restore FILE",
		Short:   "Make a gateway again from a backup",
		Long:    "Opens a backup and writes what is in it to a state directory that must not hold\nanything yet. The configuration is not in it.",
		Example: "  sallyport restore monday.age --state /tmp/elsewhere   # try it\n  sallyport restore monday.age -i identity.txt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if state == "" {
				state = c.State()
			}
			with, err := opener(cmd, identity)
			if err != nil {
				return err
			}
			names, err := restore(args[0], state, with)
			if err != nil {
				return err
			}
			note := fmt.Sprintf("If the configuration keeps the key elsewhere, put %s there and remove it here.", filepath.Join(state, safe.KeyFile))
			if !slices.Contains(names, safe.KeyFile) {
				note = "Its key is sealed as it was: the same passphrase, or the same Vault, opens it."
			}
			log := fmt.Sprintf("The audit log is in no backup: put the copies of its files into %s first. Where they are gone, sallyport audit accept says so.", filepath.Join(state, "audit"))
			return c.Tell(cmd, map[string]any{"state": state, "files": names, "notes": []string{note, log}},
				"%s is a state directory again. Start the gateway with its configuration: sallyport serve -c PATH\n%s\n%s", state, note, log)
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "state `DIR` to write to (default: where the configuration says)")
	cmd.Flags().StringVarP(&identity, "identity", "i", "", "age identity `FILE` that opens it, instead of a passphrase")
	return cmd
}

// opener reads what opens a backup.
func opener(cmd *cobra.Command, file string) ([]age.Identity, error) {
	if file == "" {
		phrase, err := cli.ReadSecret(cmd, "passphrase of the backup", maxPassphrase)
		if err != nil {
			return nil, err
		}
		return backup.Identities(nil, string(phrase))
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, cli.FileError("read the identity", file, err)
	}
	defer f.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(f, maxIdentity))
	if err != nil {
		return nil, cli.FileError("read the identity", file, err)
	}
	ids, err := backup.Identities(text, "")
	if err != nil {
		return nil, cli.Usage("--identity %s: %w", file, err)
	}
	return ids, nil
}

// restore writes the files of an archive to a directory that nobody uses. Nothing
// is left there if the archive is not whole.
func restore(path, state string, with []age.Identity) (names []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cli.FileError("read the backup", path, err)
	}
	defer f.Close() //nolint:errcheck // only read
	if list, err := os.ReadDir(state); err == nil && len(list) > 0 {
		return nil, fmt.Errorf("%s holds something already: name with --state a directory that is empty or not there yet", state)
	}
	if err := os.MkdirAll(filepath.Dir(state), 0o755); err != nil {
		return nil, cli.FileError("make", filepath.Dir(state), err)
	}
	part, err := os.MkdirTemp(filepath.Dir(state), ".restore-*") // 0700
	if err != nil {
		return nil, cli.FileError("write to", filepath.Dir(state), err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(part)) }()
	err = backup.Read(f, func(b backup.File) error {
		names = append(names, b.Name)
		return write(filepath.Join(part, b.Name), b.Data)
	}, with...)
	if err != nil {
		return nil, unreadable(path, err, with)
	}
	if !slices.Contains(names, safe.StateFile) || !slices.Contains(names, safe.KeyFile) {
		return nil, fmt.Errorf("%s: %w: it holds %q", path, backup.ErrForeign, names)
	}
	if len(names) > 2 { // the key is there sealed, as the configuration keeps it
		names = slices.DeleteFunc(names, func(n string) bool { return n == safe.KeyFile })
		if err := os.Remove(filepath.Join(part, safe.KeyFile)); err != nil {
			return nil, err
		}
	}
	if err := os.Remove(state); err != nil && !errors.Is(err, os.ErrNotExist) { // only an empty one goes
		return nil, fmt.Errorf("%s is in use: name with --state a directory that is empty or not there yet (%w)", state, err)
	}
	return names, os.Rename(part, state)
}

// unreadable says why a backup does not open.
func unreadable(path string, err error, with []age.Identity) error {
	var not *age.NoIdentityMatchError
	if !errors.As(err, &not) {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, phrase := with[0].(*age.ScryptIdentity)
	switch sealed := slices.Contains(not.StanzaTypes, "scrypt"); {
	case sealed && phrase:
		return fmt.Errorf("that is not the passphrase of %s", path)
	case sealed:
		return fmt.Errorf("%s is sealed with a passphrase, which is asked for without --identity", path)
	case phrase:
		return fmt.Errorf("%s is sealed for age keys; name the file of a secret one with --identity", path)
	}
	return fmt.Errorf("%s is sealed for other age keys than that of --identity", path)
}

func write(path string, data io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, data)
	return errors.Join(err, f.Sync(), f.Close())
}
