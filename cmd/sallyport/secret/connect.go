package secret

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/dashboard/connect"

	"github.com/spf13/cobra"
)

// lookEvery is how often the gateway is asked whether the person has agreed.
const lookEvery = time.Second

// maxAddress bounds the address that is pasted.
const maxAddress = 16 << 10

func (c *commands) connect() *cobra.Command {
	var wish connect.Wish
	cmd := &cobra.Command{
		Use:   "connect NAME",
		Short: "Connect an OAuth account: agree in a browser, and the secret becomes what that gives",
		Long: `Connect the account whose refresh_token is the secret NAME. The command prints the
address to open; somebody agrees there, and the gateway seals what it is given. Where the
browser cannot reach the gateway, --paste asks for the address at which it ended.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var at connect.Connection
			if err := c.Client().Call(cmd.Context(), http.MethodPost, path(args[0])+"/connect", wish, &at); err != nil {
				return err
			}
			if err := c.tell(cmd, at, wish.Paste); err != nil {
				return err
			}
			if wish.Paste && at.UserCode == "" {
				text, err := cli.ReadSecret(cmd, "address at which the browser ended", maxAddress)
				if err != nil {
					return err
				}
				brought := connect.Brought{URL: string(text)}
				if err := c.Client().Call(cmd.Context(), http.MethodPost, connection(at.ID)+"/address", brought, nil); err != nil {
					return err
				}
			}
			end, err := c.await(cmd.Context(), at.ID)
			if err != nil {
				return err
			}
			return c.Tell(cmd, end, "Secret %s is connected.", end.Secret)
		},
	}
	cmd.Flags().BoolVar(&wish.Paste, "paste", false, "bring the address at which the browser ended by hand")
	return cmd
}

// tell says where the person goes. The address alone is on stdout; with --json the
// connection is, and what comes of it after that.
func (c *commands) tell(cmd *cobra.Command, at connect.Connection, paste bool) error {
	if c.JSON {
		return cli.Line(cmd.OutOrStdout(), at)
	}
	address := at.Link
	switch {
	case at.UserCode != "":
		address = at.Page
		cli.Say(cmd, "Open this address and type the code %s:", at.UserCode)
	case paste:
		cli.Say(cmd, "%s must know this address to come back to: %s", at.Server, at.Redirect)
		cli.Say(cmd, "Open this address, agree, and copy the address at which the browser ends, whether or not it shows a page:")
	default:
		cli.Say(cmd, "%s must know this address to come back to: %s", at.Server, at.Redirect)
		cli.Say(cmd, "Open this address in the browser in which you agree; the first that opens it is the one:")
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), cli.Printable(address))
	return err
}

// connection is where the gateway tells of a connection.
func connection(id string) string { return "/api/v1/connections/" + url.PathEscape(id) }

// await asks until it is over.
func (c *commands) await(ctx context.Context, id string) (connect.Connection, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		var at connect.Connection
		if err := c.Client().Call(ctx, http.MethodPost, connection(id), nil, &at); err != nil {
			return at, err
		}
		switch at.State {
		case "connected":
			return at, nil
		case "failed":
			return at, fmt.Errorf("secret %s is not connected: %s", at.Secret, cli.Printable(at.Error))
		}
		select {
		case <-ctx.Done():
			return at, ctx.Err()
		case <-tick.C:
		}
	}
}
