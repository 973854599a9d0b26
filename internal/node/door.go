package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/account"
	"sallyport.dev/sallyport/dashboard/alerts"
	"sallyport.dev/sallyport/dashboard/book"
	"sallyport.dev/sallyport/dashboard/deeds"
	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/dashboard/har"
	"sallyport.dev/sallyport/dashboard/oidc"
	"sallyport.dev/sallyport/dashboard/outlet"
	"sallyport.dev/sallyport/dashboard/pair"
	"sallyport.dev/sallyport/dashboard/passkey"
	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/dashboard/session"
	"sallyport.dev/sallyport/internal/node/pager"

	"golang.org/x/sync/errgroup"
)

// openDoor makes what proves operators.
func (n *Node) openDoor(ctx context.Context) error {
	book, err := account.Open(ctx, n.store, time.Now)
	if err != nil {
		return fmt.Errorf("operators: %w", err)
	}
	signer, err := n.Vault.Signer(ctx, "operators")
	if err != nil {
		return fmt.Errorf("key of the operators' audit: %w", err)
	}
	chain, err := deeds.Open(ctx, n.store, signer, time.Now, n.o.Log)
	if err != nil {
		return err
	}
	n.API.Door = &door.Door{
		Book: book, Deeds: chain, Now: time.Now, Log: n.o.Log,
		Passkeys: passkey.New(time.Now),
		Named:    func() map[string][]string { return n.Rules.Current().Operators() },
	}
	n.API.Witness = chain
	if err := errors.Join(n.openPhone(ctx), n.openPair(ctx)); err != nil {
		return err
	}
	if conf := n.Rules.Current().Gateway().Dashboard; conf != nil && conf.OIDC != nil {
		n.API.Door.OIDC = oidc.New(oidc.Config{
			Issuer: conf.OIDC.Issuer, ClientID: conf.OIDC.ClientID, CA: conf.OIDC.CA, HTTP: n.o.HTTP, Now: time.Now,
			Secret: func() (string, error) { return n.secretText(conf.OIDC.Secret) },
		})
	}
	return nil
}

// openPair makes what keeps edits that wait for a second person.
func (n *Node) openPair(ctx context.Context) error {
	shelf, err := pair.Open(ctx, n.store, time.Now)
	n.API.Book.Pair = &book.Pair{
		Shelf: shelf, Wanted: func() bool { return n.Rules.Current().Config().Operators.TwoPerson },
		May: func(who action.Person, right route.Right) bool { return n.API.Door.Rights(who).Has(right) },
	}
	return err
}

// openPhone makes what tells people's browsers that an agent asks.
func (n *Node) openPhone(ctx context.Context) (err error) {
	n.phone, err = pager.New(ctx, pager.Options{
		Vault: n.Vault, Store: n.store, Desk: n.Desk, Dial: n.Gateway.Dialer.ReachPublic, Roots: n.o.Roots,
		Rules: n.Rules.Current, URLs: n.gates.URLs, Log: n.o.Log,
	})
	if err != nil {
		return err
	}
	n.phone.Book.Ends = n.API.Door.Book.Ends
	n.API.Door.Bell = n.phone.Book
	n.API.Parts = append(n.API.Parts, n.phone, outlet.Outlets{List: n.outlets, Try: n.Outreach.Try}, alerts.Page{State: n.Alerts.State}, session.Sessions{Log: n.Journal, Line: n.Gateway, Audience: n.API.Audience},
		har.Archives{Log: n.Journal, Version: n.o.Version})
	return nil
}

// secretText gives the value of a secret that the gateway itself uses.
func (n *Node) secretText(name string) (string, error) {
	v, err := n.Vault.Value(name)
	if err != nil {
		return "", err
	}
	return string(v.Reveal()), nil
}

// serveDoor opens the gates and serves them until ctx ends.
func (n *Node) serveDoor(ctx context.Context, g *errgroup.Group) error {
	if conf := n.Rules.Current().Gateway().Dashboard; conf != nil {
		if err := n.gates.Open(conf.Listen, conf.Cert, conf.Key); err != nil {
			return err
		}
	}
	return n.gates.Serve(ctx, g, n.API.Door.Guard, n.API.Handler())
}
