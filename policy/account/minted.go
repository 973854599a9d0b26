package account

import (
	"encoding/json"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/literal"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// googleScope is what a service account is asked for where no scope is stated.
const googleScope = "https://www.googleapis.com/auth/cloud-platform"

// A form is what the object of an account that a token is made for may hold.
type form struct {
	needs, may []string // words
	secrets    []string // in the order of action.Auth
	lists      []string
	one        string // the secret without which there is nothing
}

// minted reads an account that a token is made for.
func (r *reader) minted(e hcl.Expression, scheme string, args []hcl.Expression) *action.Auth {
	if scheme == "gcp_service_account" && !whole(args) {
		return r.google(e, args)
	}
	f := form{needs: []string{"app_id", "installation"}, may: []string{"api", "ca"}, secrets: []string{"key"}, one: "key"}
	switch scheme {
	case "aws_sigv4":
		f = form{may: []string{"role_arn", "region", "user", "endpoint", "ca"}, secrets: []string{"key", "secret"}, one: "secret"}
	case "gcp_service_account":
		f = form{may: []string{"ca"}, secrets: []string{"key"}, lists: []string{"scopes"}, one: "key"}
	case "oauth2":
		f = form{
			may:     []string{"token_url", "client_id", "authorize_url", "device_url", "issuer", "resource", "audience", "client_auth", "flow", "ca"},
			secrets: []string{"client_secret", "refresh_token"}, lists: []string{"scopes"},
		}
	}
	if len(args) != 1 {
		r.fail(e.Range(), "Bad auth", "%s takes one object, as in %s.", scheme, strings.Join(forms(), ", "))
		return nil
	}
	words, secrets, lists := r.object(args[0], scheme, f)
	if words == nil {
		return nil
	}
	spec := map[string]any{}
	for name, value := range words {
		spec[name] = value
	}
	for name, value := range lists {
		spec[name] = value
	}
	if scheme == "gcp_service_account" && len(lists["scopes"]) == 0 {
		spec["scopes"] = []string{googleScope}
	}
	a := &action.Auth{Scheme: scheme}
	for _, name := range f.secrets {
		if s, ok := secrets[name]; ok {
			a.Secrets = append(a.Secrets, s)
		}
	}
	if scheme == "oauth2" && !r.client(args[0], spec, secrets) || scheme == "aws_sigv4" && !r.rds(args[0], spec, a) {
		return nil
	}
	if f.one != "" && (secrets[f.one] == "" || secrets[f.secrets[0]] == "") {
		r.fail(args[0].Range(), "Attribute missing", "%s needs %s = secret.NAME.", scheme, strings.Join(f.secrets, " = secret.NAME, and "))
		return nil
	}
	b, err := json.Marshal(spec)
	if err != nil {
		r.fail(e.Range(), "Bad auth", "%s", err)
		return nil
	}
	a.Spec = string(b)
	return a
}

// object reads the entries that a form has; words is nil after a complaint.
func (r *reader) object(e hcl.Expression, scheme string, f form) (words, secrets map[string]string, lists map[string][]string) {
	pairs, diags := hcl.ExprMap(e)
	if diags.HasErrors() {
		r.fail(e.Range(), "Bad auth", "%s takes one object, as in %s.", scheme, strings.Join(forms(), ", "))
		return nil, nil, nil
	}
	before := len(r.diags)
	words, secrets, lists = map[string]string{}, map[string]string{}, map[string][]string{}
	known := slices.Concat(f.needs, f.may, f.secrets, f.lists)
	for _, p := range pairs {
		v, ok := literal.Constant(p.Key)
		if !ok || v.Type() != cty.String {
			r.fail(p.Key.Range(), "Bad key", "A key of an object is a name or a string.")
			continue
		}
		switch name := v.AsString(); {
		case slices.Contains(f.secrets, name):
			if s, ok := r.reference(p.Value, "secret"); ok {
				secrets[name] = s
			}
		case slices.Contains(f.lists, name):
			lists[name] = r.words(p.Value)
		case name == "ca" && slices.Contains(f.may, name):
			words[name] = r.authority(p.Value)
		case slices.Contains(f.needs, name), slices.Contains(f.may, name):
			words[name] = r.word(p.Value)
			if slices.Contains([]string{"token_url", "authorize_url", "device_url", "issuer", "resource", "api"}, name) {
				r.secure(p.Value, words[name])
			}
		default:
			r.fail(p.Key.Range(), "Unknown attribute", "%s has no %q.%s", scheme, name, source.DidYouMean(name, known))
		}
	}
	for _, name := range f.needs {
		if _, ok := words[name]; !ok {
			r.fail(e.Range(), "Attribute missing", "%s needs %s.", scheme, name)
		}
	}
	if len(r.diags) > before {
		return nil, nil, nil
	}
	return words, secrets, lists
}

// secure complains about an address that a secret must not be sent to.
func (r *reader) secure(e hcl.Expression, text string) {
	if text != "" && !literal.SecretServer(text) {
		r.fail(e.Range(), "Bad URL", `%q is no address to send a secret to; write it like "https://id.acme.dev/oauth/token".`, text)
	}
}

// words reads a list of strings; a bare string is a list of one.
func (r *reader) words(e hcl.Expression) []string {
	items, bare := literal.Elements(e)
	if bare {
		items = []hcl.Expression{e}
	}
	var out []string
	for _, item := range items {
		if w := r.word(item); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// whole reports whether an account is written as one object.
func whole(args []hcl.Expression) bool {
	if len(args) != 1 {
		return false
	}
	_, diags := hcl.ExprMap(args[0])
	return !diags.HasErrors()
}

// google reads gcp_service_account(secret.S), or with a list of scopes behind it.
func (r *reader) google(e hcl.Expression, args []hcl.Expression) *action.Auth {
	if len(args) != 1 && len(args) != 2 {
		r.fail(e.Range(), "Bad auth", `Write gcp_service_account(secret.S), gcp_service_account(secret.S, ["https://www.googleapis.com/auth/…"]), or gcp_service_account({ key = secret.S, scopes = […], ca = file("ca.pem") }).`)
		return nil
	}
	secret, ok := r.reference(args[0], "secret")
	if !ok {
		return nil
	}
	scopes := []string{googleScope}
	if len(args) == 2 {
		scopes = r.words(args[1])
	}
	b, err := json.Marshal(map[string]any{"scopes": scopes})
	if err != nil || len(scopes) == 0 {
		r.fail(e.Range(), "Bad auth", "A service account is asked for at least one scope.")
		return nil
	}
	return &action.Auth{Scheme: "gcp_service_account", Secrets: []string{secret}, Spec: string(b)}
}
