package dashboard

import (
	"net/http"

	"sallyport.dev/sallyport/vault"
)

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
	if v.Value == "" {
		return nil, badRequest("the value of secret %q is empty", r.PathValue("name"))
	}
	if err := a.Vault.Put(r.Context(), r.PathValue("name"), vault.NewSecret([]byte(v.Value))); err != nil {
		return nil, badRequest("%w", err)
	}
	a.SecretSet()
	a.Logger.Info("secret set", "secret", r.PathValue("name"), "by", operator(r))
	return struct{}{}, nil
}

func (a *API) removeSecret(r *http.Request) (any, error) {
	if err := a.Vault.Delete(r.Context(), r.PathValue("name")); err != nil {
		return nil, notFound("%w", err)
	}
	a.SecretSet()
	a.Logger.Info("secret removed", "secret", r.PathValue("name"), "by", operator(r))
	return struct{}{}, nil
}
