package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/cmd/sallyport/cli"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/protocols/postgres/role"

	"github.com/spf13/cobra"
)

// connections is how many sessions an account may have where nobody says.
const connections = 20

func (r *root) dbRoleCommand() *cobra.Command {
	var o role.Role
	cmd := &cobra.Command{
		Use:   "db-role SERVICE",
		Short: "Print the SQL of a least-privilege account",
		Long: "Prints a psql script that makes the account of a PostgreSQL service: it may do\n" +
			"what the service's session block allows and nothing else, so that the server\n" +
			"itself refuses the rest. Without --schema it may use every table (PostgreSQL 14).",
		Example: "  sallyport db-role app_db -c ./gateway | psql -h 10.4.0.12 postgres",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.find(cmd)
			p, err := r.load(cmd)
			if err != nil {
				return err
			}
			if err := fill(&o, p, args[0], cmd.Flags().Changed); err != nil {
				return cli.ExitError{Code: cli.ExitUsage, Err: err}
			}
			text, err := o.SQL()
			if err != nil {
				return cli.ExitError{Code: cli.ExitUsage, Err: err}
			}
			return r.Print(cmd, map[string]string{"service": o.Service, "user": o.User, "sql": text}, func(w io.Writer) error {
				_, err := io.WriteString(w, text)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&o.User, "user", "", "`NAME` of the account (default: the one in the service's auth)")
	cmd.Flags().StringSliceVar(&o.Databases, "database", nil, "`DATABASE` it may connect to (default: the service's databases)")
	cmd.Flags().StringSliceVar(&o.Schemas, "schema", nil, "`SCHEMA` whose tables it may use (default: every one)")
	cmd.Flags().IntVar(&o.Connections, "connections", connections, "`N` sessions of all agents together, unless the service states max_connections")
	cmd.Flags().BoolVar(&o.KeepPublic, "keep-public", false, "leave alone what every role may do: temporary tables, large objects, CREATE in public")
	return cmd
}

// fill takes from the configuration what the flags leave open.
func fill(o *role.Role, p *policy.Policy, name string, stated func(string) bool) error {
	list := p.Services()
	i := slices.IndexFunc(list, func(s *action.Service) bool { return s.Name == name && s.Protocol == "postgres" })
	if i < 0 {
		return fmt.Errorf("no service %q speaks postgres", name)
	}
	s := list[i]
	o.Service, o.Session = s.Name, s.Session
	if o.Databases == nil {
		o.Databases = s.Databases
	}
	if n := s.Session.MaxConnections; n > 0 && !stated("connections") {
		o.Connections = n
	}
	if o.User != "" {
		return nil
	}
	users := p.Users(name)
	switch len(users) {
	case 0:
		return fmt.Errorf("service %q has no account; name one with --user", name)
	case 1:
		o.User = users[0]
		return nil
	}
	return errors.New("the service has several accounts; name one of them with --user: " + strings.Join(users, ", "))
}
