package dashboard

import (
	"cmp"
	"errors"
	"net/http"

	"sallyport.dev/sallyport/vault"
)

// maxSecret is what a value may hold, which is the vault's own bound.
const maxSecret = 64 << 10

// A SecretValue is a new value for a secret. It goes in and never comes out.
type SecretValue struct {
	Value string `json:"value"`
}

func (a *API) secrets(*http.Request) (any, error) { return a.Vault.List(), nil }

func (a *API) setSecret(r *http.Request) (any, error) {
	var v SecretValue
	if err := decode(r, &v); err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	switch {
	case v.Value == "":
		return nil, badRequest("the value of secret %q is empty", name)
	case len(v.Value) > maxSecret:
		return nil, badRequest("the value of secret %q is longer than %d bytes", name, maxSecret)
	case vault.CheckName(name) != nil:
		return nil, badRequest("%w", vault.CheckName(name))
	}
	if err := a.changeable(name, "change"); err != nil {
		return nil, err
	}
	if err := a.Vault.Put(r.Context(), name, vault.NewSecret([]byte(v.Value))); err != nil {
		return nil, err
	}
	a.SecretSet()
	a.Logger.Info("secret set", "secret", name, "by", operator(r))
	return struct{}{}, nil
}

func (a *API) removeSecret(r *http.Request) (any, error) {
	name := r.PathValue("name")
	if err := vault.CheckName(name); err != nil {
		return nil, badRequest("%w", err)
	}
	switch err := a.Vault.Delete(r.Context(), name); {
	case errors.Is(err, vault.ErrNotFound):
		return nil, notFound("%w", err)
	case err != nil:
		return nil, cmp.Or(a.changeable(name, "remove"), err)
	}
	a.SecretSet()
	a.Logger.Info("secret removed", "secret", name, "by", operator(r))
	return struct{}{}, nil
}

// changeable fails for a secret whose value the configuration takes from
// elsewhere.
func (a *API) changeable(name, what string) error {
	for _, s := range a.Vault.List() {
		if s.Name == name && s.Source != "sealed" {
			return conflict("secret %q is read from %s; %s it there", name, s.Source, what)
		}
	}
	return nil
}
