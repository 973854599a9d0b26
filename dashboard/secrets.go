package dashboard

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"sallyport.dev/sallyport/dashboard/route"
	"sallyport.dev/sallyport/vault"
)

// maxSecret is what a value may hold, which is the vault's own bound.
const maxSecret = 64 << 10

// A SecretValue is a new value for a secret. It goes in and never comes out.
type SecretValue struct {
	Value string `json:"value"`
}

// secrets lists what there is, and what the configuration takes and is not there.
func (a *API) secrets(*http.Request) ([]vault.Info, error) {
	list := a.Vault.List()
	if a.Wanted == nil {
		return list, nil
	}
	for _, name := range a.Wanted() {
		if !slices.ContainsFunc(list, func(i vault.Info) bool { return i.Name == name }) {
			list = append(list, vault.Info{Name: name, Source: "sealed", Problem: "not set"})
		}
	}
	slices.SortFunc(list, func(a, b vault.Info) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// A SecretSet is what became of a value.
type SecretSet struct {
	Notes []string `json:"notes,omitempty"` // what may not be as it was meant
}

func (a *API) setSecret(r *http.Request, v SecretValue) (SecretSet, error) {
	name := r.PathValue("name")
	switch {
	case v.Value == "":
		return SecretSet{}, route.BadRequest("the value of secret %q is empty", name)
	case len(v.Value) > maxSecret:
		return SecretSet{}, route.BadRequest("the value of secret %q is longer than %d bytes", name, maxSecret)
	case vault.CheckName(name) != nil:
		return SecretSet{}, route.BadRequest("%w", vault.CheckName(name))
	}
	if err := a.changeable(name, "change"); err != nil {
		return SecretSet{}, err
	}
	if a.Fits != nil {
		if err := a.Fits(name, []byte(v.Value)); err != nil {
			return SecretSet{}, route.BadRequest("the value of secret %q: %w; nothing is changed", name, err)
		}
	}
	if err := a.Vault.Put(r.Context(), name, vault.NewSecret([]byte(v.Value)), route.Name(r)); err != nil {
		return SecretSet{}, err
	}
	a.SecretSet()
	a.Logger.Info("secret set", "secret", name, "by", route.Name(r))
	return SecretSet{Notes: a.untaken(name)}, nil
}

// maxTold bounds how many names are told to somebody who may have misspelt one.
const maxTold = 20

// untaken says so if nothing takes a secret of that name: it may be misspelt, and what
// was to be replaced stays in use.
func (a *API) untaken(name string) []string {
	if a.Wanted == nil {
		return nil
	}
	wanted := slices.Compact(slices.Sorted(slices.Values(a.Wanted())))
	switch {
	case slices.Contains(wanted, name):
		return nil
	case len(wanted) == 0:
		return []string{"No service takes a secret of that name; none takes any so far."}
	}
	told := strings.Join(wanted[:min(len(wanted), maxTold)], ", ")
	if more := len(wanted) - maxTold; more > 0 {
		told += fmt.Sprintf(" and %d more", more)
	}
	return []string{"No service takes a secret of that name; there are: " + told + "."}
}

func (a *API) rollbackSecret(r *http.Request) (route.Nothing, error) {
	name := r.PathValue("name")
	if err := vault.CheckName(name); err != nil {
		return route.Nothing{}, route.BadRequest("%w", err)
	}
	if err := a.changeable(name, "change"); err != nil {
		return route.Nothing{}, err
	}
	switch err := a.Vault.Rollback(r.Context(), name, route.Name(r)); {
	case errors.Is(err, vault.ErrNotFound):
		return route.Nothing{}, route.NotFound("%w", err)
	case errors.Is(err, vault.ErrNoOlder):
		return route.Nothing{}, route.Conflict("%w", err)
	case err != nil:
		return route.Nothing{}, err
	}
	a.SecretSet()
	a.Logger.Info("secret went back to the version before", "secret", name, "by", route.Name(r))
	return route.Nothing{}, nil
}

// A VaultKey names the key that seals the vault, and tells nothing of it.
type VaultKey struct {
	ID string `json:"id"`
}

func (a *API) rotateKey(r *http.Request) (VaultKey, error) {
	id, err := a.RotateKey(r.Context())
	if errors.Is(err, vault.ErrElsewhere) {
		return VaultKey{}, route.Conflict("%w: give the gateway the new one, and the old one beside it (NAME_OLD, or the credential NAME.old), and start it again", err)
	}
	if err != nil {
		return VaultKey{}, err
	}
	a.Logger.Info("the vault is sealed with another key", "key", id, "by", route.Name(r))
	return VaultKey{id}, nil
}

func (a *API) removeSecret(r *http.Request) (route.Nothing, error) {
	name := r.PathValue("name")
	if err := vault.CheckName(name); err != nil {
		return route.Nothing{}, route.BadRequest("%w", err)
	}
	switch err := a.Vault.Delete(r.Context(), name); {
	case errors.Is(err, vault.ErrNotFound):
		return route.Nothing{}, route.NotFound("%w", err)
	case err != nil:
		return route.Nothing{}, cmp.Or(a.changeable(name, "remove"), err)
	}
	a.SecretSet()
	a.Logger.Info("secret removed", "secret", name, "by", route.Name(r))
	return route.Nothing{}, nil
}

// changeable fails for a secret whose value the configuration takes from
// elsewhere.
func (a *API) changeable(name, what string) error {
	for _, s := range a.Vault.List() {
		if s.Name == name && s.Source != "sealed" {
			return route.Conflict("secret %q is read from %s; %s it there", name, s.Source, what)
		}
	}
	return nil
}
