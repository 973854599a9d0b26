// Package dummies says which placeholders an agent holds by the rules in force, and
// whose a placeholder is that turned up somewhere. It keeps nothing: a placeholder is
// made of the gateway's key whenever it is asked for.
package dummies

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/netstack"
	"sallyport.dev/sallyport/policy/manifest"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/placeholder"
)

// fragment is how much of a placeholder tells it from others: four characters more
// than all of them have in common.
const fragment = 16

// A Book knows agents and services. Open makes one; Agents and Services are set before
// it is asked.
type Book struct {
	Maker    *placeholder.Maker
	Agents   func() []netstack.Agent  // all that were ever let in
	Services func() []*action.Service // of the rules in force
}

// Open makes the Book of a gateway, out of a key that its vault keeps.
func Open(ctx context.Context, v *vault.Vault) (*Book, error) {
	key, err := v.Internal(ctx, "placeholders", func() (vault.Secret, error) {
		b := make([]byte, placeholder.KeySize)
		rand.Read(b) //nolint:errcheck // crypto/rand.Read never returns an error
		return vault.NewSecret(b), nil
	})
	if err != nil {
		return nil, fmt.Errorf("key of the placeholders: %w", err)
	}
	return &Book{Maker: placeholder.New(key)}, nil
}

// Watch looks for placeholders on the way of an agent to a service. What it holds for
// another service in a variable of the same name is of no use there, and no alarm.
func (b *Book) Watch(agent string, s *action.Service, alarm func(placeholder.Sighting)) *placeholder.Watch {
	own := map[string]string{}
	for _, variable := range s.Variables {
		for _, other := range b.Services() {
			for _, same := range other.Variables {
				if same == variable {
					own[b.Maker.Of(agent, other.Name, variable)] = ""
				}
			}
		}
		own[b.Maker.Of(agent, s.Name, variable)] = variable
	}
	return b.Maker.Watch(own, s.Slots, alarm)
}

// Owner says whose a placeholder is, by what of it could be read; what fits several is
// nobody's.
func (b *Book) Owner(token string) (agent, service, variable string, ok bool) {
	fits := 0
	for _, p := range b.Agents() {
		for _, s := range b.Services() {
			for _, v := range s.Variables {
				whole := b.Maker.Of(p.ID, s.Name, v)
				if strings.Contains(token, whole) {
					return p.Name, s.Name, v, true
				}
				if len(token) >= fragment && strings.Contains(whole, token) {
					agent, service, variable = p.Name, s.Name, v
					fits++
				}
			}
		}
	}
	if fits != 1 {
		return "", "", "", false
	}
	return agent, service, variable, true
}

// Page is what an agent reads of itself, with its own placeholders.
func (b *Book) Page(page manifest.Page, agent string) (markdown, shell string, data any) {
	page = page.Fill(func(service, variable string) string { return b.Maker.Of(agent, service, variable) })
	return page.Markdown(), page.Shell(), page
}
