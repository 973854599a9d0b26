package account

import (
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/literal"
	"sallyport.dev/sallyport/policy/source"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/net/http/httpguts"
)

// A reader collects complaints about one auth.
type reader struct {
	diags     hcl.Diagnostics
	authority func(hcl.Expression) string // complains by itself
}

// Read reads an auth; authority gives the text of certificates, and complains where
// there are none. The Account is nil if there is none to be had of it.
func Read(e hcl.Expression, authority func(hcl.Expression) string) (*Account, hcl.Diagnostics) {
	r := reader{authority: authority}
	return r.account(e), r.diags
}

func (r *reader) fail(at hcl.Range, summary, format string, args ...any) {
	r.diags = append(r.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: at.Ptr(),
	})
}

func (r *reader) account(e hcl.Expression) *Account {
	name, args, ok := literal.Call(e)
	if ok && name == "by_role" {
		return r.byRole(e, args)
	}
	auth := r.auth(e)
	if auth == nil {
		return nil
	}
	return &Account{One: *auth, Range: e.Range()}
}

// byRole reads by_role({ role.analyst = password(…), … }).
func (r *reader) byRole(e hcl.Expression, args []hcl.Expression) *Account {
	const form = `by_role takes one object: by_role({ role.analyst = password("user", secret.S) }).`
	if len(args) != 1 {
		r.fail(e.Range(), "Bad auth", form)
		return nil
	}
	pairs, diags := hcl.ExprMap(args[0])
	if diags.HasErrors() || len(pairs) == 0 {
		r.fail(args[0].Range(), "Bad auth", form)
		return nil
	}
	a := &Account{Range: e.Range()}
	for _, p := range pairs {
		role, ok := r.reference(p.Key, "role")
		if !ok {
			continue
		}
		if a.Has(role) {
			r.fail(p.Key.Range(), "Stated twice", "role.%s stands twice in this object.", role)
			continue
		}
		if auth := r.auth(p.Value); auth != nil {
			a.ByRole = append(a.ByRole, ForRole{Role: role, Auth: *auth, At: p.Key.Range(), Range: p.Value.Range()})
		}
	}
	if len(a.ByRole) == 0 {
		return nil // each of them has been complained about
	}
	return a
}

// auth reads one call such as bearer(secret.github).
func (r *reader) auth(e hcl.Expression) *action.Auth {
	name, args, ok := literal.Call(e)
	if !ok {
		r.fail(e.Range(), "Bad auth", "auth is one of %s.", strings.Join(forms(), ", "))
		return nil
	}
	if !slices.Contains(Kinds(), name) {
		r.fail(e.Range(), "Unknown auth", "There is no %s(…); auth is one of %s.%s", name, strings.Join(forms(), ", "), source.DidYouMean(name, Kinds()))
		return nil
	}
	switch name {
	case "oauth2", "github_app", "gcp_service_account", "aws_sigv4":
		return r.minted(e, name, args)
	case "mtls":
		return r.certificate(e, args)
	case "placeholder":
		return r.placeholder(e, args)
	case "by_role":
		r.fail(e.Range(), "Bad auth", "by_role(…) stands alone: auth = by_role({ … }).")
		return nil
	case "bearer":
		return r.call(e, name, args, 1)
	case "password":
		return r.password(e, args)
	case "basic":
		return r.basic(e, args)
	}
	return r.call(e, name, args, 2)
}

// Kinds lists the accounts that a service may have, as auth names them.
func Kinds() []string {
	return []string{"bearer", "header", "basic", "query", "cookie", "password", "oauth2", "github_app", "gcp_service_account", "aws_sigv4", "mtls", "placeholder", "by_role"}
}

func forms() []string {
	return []string{
		"bearer(secret.S)", `header("X-Api-Key", secret.S)`, `basic("user", secret.S)`,
		`query("key", secret.S)`, `cookie("name", secret.S)`, `password("user", secret.S)`,
		`oauth2({ token_url = "https://…", client_id = "…", client_secret = secret.S })`,
		`github_app({ app_id = "…", installation = "…", key = secret.S })`, "gcp_service_account(secret.S)",
		"aws_sigv4({ key = secret.K, secret = secret.S })",
		"mtls(secret.CERT, secret.KEY)",
		`placeholder("VARIABLE", bearer(secret.S))`,
		"by_role({ role.R = … })",
	}
}

func (r *reader) call(e hcl.Expression, scheme string, args []hcl.Expression, want int) *action.Auth {
	if len(args) != want {
		r.fail(e.Range(), "Bad auth", "%s takes %d of these, as in %s.", scheme, want, strings.Join(forms(), ", "))
		return nil
	}
	a := &action.Auth{Scheme: scheme}
	if want == 2 {
		a.Name = r.word(args[0])
		plain := scheme == "basic" || scheme == "password"
		bad := func(c rune) bool { return c <= ' ' || c >= 0x7f || !plain && strings.ContainsRune(`:;,="`, c) }
		if strings.ContainsFunc(a.Name, bad) {
			r.fail(args[0].Range(), "Bad name", "%q cannot be the name of a %s.", a.Name, scheme)
		}
	}
	secret, ok := r.reference(args[want-1], "secret")
	if !ok {
		return nil
	}
	a.Secrets = []string{secret}
	return a
}

// basic reads basic("user", secret.S), or with a field after it that takes the secret
// as well, for servers that want it in one place by their API and in another by git.
func (r *reader) basic(e hcl.Expression, args []hcl.Expression) *action.Auth {
	if len(args) != 3 {
		return r.call(e, "basic", args, 2)
	}
	a := r.call(e, "basic", args[:2], 2)
	field := r.word(args[2])
	if !httpguts.ValidHeaderFieldName(field) {
		r.fail(args[2].Range(), "Bad name", "%q cannot be the name of a header.", field)
	}
	if a != nil {
		a.Spec = textproto.CanonicalMIMEHeaderKey(field)
	}
	return a
}

// password reads password("user", secret.S), or password(secret.S) of a secret that
// names its user; either may end with the weakest method that is good enough.
func (r *reader) password(e hcl.Expression, args []hcl.Expression) *action.Auth {
	own := 2 // arguments before the method
	if len(args) > 0 {
		if t, diags := hcl.AbsTraversalForExpr(args[0]); !diags.HasErrors() && t.RootName() == "secret" {
			own = 1
		}
	}
	if len(args) != own+1 {
		return r.call(e, "password", args, own)
	}
	a := r.call(e, "password", args[:own], own)
	if least := r.method(args[own]); a != nil {
		a.Least = least
	}
	return a
}

// certificate reads mtls(secret.CERT, secret.KEY), or with a user before it for
// PostgreSQL.
func (r *reader) certificate(e hcl.Expression, args []hcl.Expression) *action.Auth {
	a := &action.Auth{Scheme: "mtls"}
	if len(args) == 3 {
		a.Name, args = r.word(args[0]), args[1:]
	}
	if len(args) != 2 {
		r.fail(e.Range(), "Bad auth", "mtls takes a certificate and its key, as in mtls(secret.CERT, secret.KEY).")
		return nil
	}
	for _, arg := range args {
		if s, ok := r.reference(arg, "secret"); ok {
			a.Secrets = append(a.Secrets, s)
		}
	}
	if len(a.Secrets) != 2 {
		return nil
	}
	return a
}

// placeholder reads placeholder("VARIABLE", bearer(secret.S)): the account that is
// used where the agent shows the dummy that it has in VARIABLE.
func (r *reader) placeholder(e hcl.Expression, args []hcl.Expression) *action.Auth {
	if len(args) != 2 {
		r.fail(e.Range(), "Bad auth", `placeholder takes the variable and the account, as in placeholder("OPENAI_API_KEY", bearer(secret.S)).`)
		return nil
	}
	variable := r.word(args[0])
	if variable != "" && !IsVariable(variable) {
		r.fail(args[0].Range(), "Bad name", "%q is no name of an environment variable: capitals, digits and _.", variable)
	}
	a := r.auth(args[1])
	switch {
	case a == nil:
	case a.Placeholder != "":
		r.fail(args[1].Range(), "Bad auth", "placeholder(…) stands once.")
	case a.InHandshake() || a.Scheme == "password":
		r.fail(args[1].Range(), "Bad auth", "%s(…) has no place in a request that a placeholder could stand in.", a.Scheme)
	default:
		a.Placeholder = variable
	}
	return a
}

// IsVariable reports whether s can name an environment variable.
func IsVariable(s string) bool {
	bad := func(c rune) bool { return c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') }
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, bad) && (s[0] < '0' || s[0] > '9')
}

// method reads the weakest method by which a password may be proved.
func (r *reader) method(e hcl.Expression) string {
	methods := []string{"password", "md5", "scram-sha-256", "scram-sha-256-plus"}
	name := r.word(e)
	if name != "" && !slices.Contains(methods, name) {
		r.fail(e.Range(), "Unknown method", "%q is no method of authentication; it is %s.%s", name, source.Enumerate(methods), source.DidYouMean(name, methods))
	}
	return name
}

// word gives a string that must not be empty, "" after a complaint.
func (r *reader) word(e hcl.Expression) string {
	v, ok := literal.Constant(e)
	switch {
	case !ok:
		r.fail(e.Range(), "Not a constant", "Expected a string in quotes, written out.")
	case v.Type() != cty.String:
		r.fail(e.Range(), "Wrong type", "Expected a string in quotes.")
	case strings.TrimSpace(v.AsString()) == "":
		r.fail(e.Range(), "Empty value", "This must not be empty.")
	default:
		return v.AsString()
	}
	return ""
}

// reference gives the name of kind.NAME.
func (r *reader) reference(e hcl.Expression, kind string) (name string, ok bool) {
	if t, diags := hcl.AbsTraversalForExpr(e); !diags.HasErrors() && len(t) == 2 && t.RootName() == kind {
		if attr, ok := t[1].(hcl.TraverseAttr); ok {
			return attr.Name, true
		}
	}
	hint := ""
	if v, ok := literal.Constant(e); ok && v.Type() == cty.String {
		hint = ", without quotes"
	}
	r.fail(e.Range(), "Not a reference", "Expected a reference like %s.NAME%s.", kind, hint)
	return "", false
}
