// Package probe tries an account of a PostgreSQL service: it logs in as a session
// of an agent would, and leaves at once. It sends no statement.
package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/upstream"
	"sallyport.dev/sallyport/protocols/postgres/wire"
	"sallyport.dev/sallyport/vault"
)

// Open gives the account of the service, nil where it has none.
type Open = func(context.Context) (*vault.Credential, error)

// Try proves the server and logs in. The caller closes w, also when ctx ends.
func Try(ctx context.Context, w protocols.Wire, svc *action.Service, _ string, open Open) (*tls.ConnectionState, []action.Step) {
	begun := time.Now()
	pool := wire.NewPool()
	made, err := upstream.Dress(svc, pool)(ctx, w)
	if err != nil {
		return nil, []action.Step{action.Failed("tls", err)}
	}
	l, ok := made.(*upstream.Link)
	if !ok {
		return nil, []action.Step{action.Failed("tls", fmt.Errorf("a link of another protocol: %T", made))}
	}
	first := action.Step{Name: "tls", State: "skipped", Says: "the service speaks without TLS"}
	if l.State != nil {
		first = action.Step{Name: "tls", State: "ok", Says: tls.VersionName(l.State.Version) + ", and the certificate is good", Took: time.Since(begun)}
	}
	return l.State, []action.Step{first, account(ctx, l, svc, open)}
}

// account logs in with the service's account, or without one.
func account(ctx context.Context, l *upstream.Link, svc *action.Service, open Open) action.Step {
	cred, err := open(ctx)
	if err != nil {
		return action.Failed("account", err)
	}
	login, err := loginOf(cred, svc, l.State)
	if err != nil {
		return action.Failed("account", err)
	}
	begun := time.Now()
	g, err := upstream.Start(ctx, l.Conn, l.Stream, login)
	if err != nil {
		return action.Failed("account", err)
	}
	// Terminate, so that the server logs no lost connection.
	l.Conn.Write([]byte{'X', 0, 0, 0, 4}) //nolint:errcheck // it is closed anyway
	says := fmt.Sprintf("logged in as %s by %s; the server is PostgreSQL %s", login.User, g.By, g.Setting["server_version"])
	return action.Step{Name: "account", State: "ok", Says: says, Took: time.Since(begun)}
}

// nobody is who logs in to a server that asks for no account.
const nobody = "postgres"

// loginOf makes what a session is opened with. A service without TLS that states no
// method gets none that gives the password away: what was taken before, for which
// sessions look, is not known here.
func loginOf(cred *vault.Credential, svc *action.Service, state *tls.ConnectionState) (upstream.Login, error) {
	login := upstream.Login{Version: wire.Version30, User: nobody, Encrypted: state}
	if cred != nil {
		user, password, err := cred.Password()
		if err != nil {
			return login, err
		}
		login.User, login.Password = user, password
		login.Words = func(text string) string { return cred.Used().MaskString(text) }
		least, err := upstream.ParseMethod(cred.Least())
		if err != nil {
			return login, err
		}
		login.Demand = upstream.Demand{Least: least, Stated: least != 0}
		if least == 0 && state == nil {
			login.Demand = upstream.Demand{Least: upstream.SCRAM, Stated: true}
		}
	}
	database := login.User
	if len(svc.Databases) > 0 {
		database = svc.Databases[0]
	}
	login.Parameters = []wire.Parameter{{Name: "database", Value: database}, {Name: "application_name", Value: "sallyport probe"}}
	return login, nil
}
