package host

import (
	"strings"
	"time"

	"sallyport.dev/sallyport/policy/hclconf/value"
	"sallyport.dev/sallyport/policy/literal"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A Secret names what is injected and where it is kept: in one of the places
// below, or else sealed in the vault.
type Secret struct {
	Name      string
	Env, File string
	Exec      []string // program and arguments that print it
	Vault     *Vault   // HashiCorp Vault or OpenBao
	AWS       string   // ARN in AWS Secrets Manager
	GCP       string   // name in Google Secret Manager
	Refresh   time.Duration
	Range     hcl.Range
}

// Sealed reports whether the secret is kept in the vault.
func (s *Secret) Sealed() bool { return len(s.places()) == 0 }

// places lists where the secret is said to be kept.
func (s *Secret) places() []string {
	var out []string
	for name, stated := range map[string]bool{
		"env": s.Env != "", "file": s.File != "", "exec": len(s.Exec) > 0,
		"vault": s.Vault != nil, "aws": s.AWS != "", "gcp": s.GCP != "",
	} {
		if stated {
			out = append(out, name)
		}
	}
	return out
}

// A Vault is a secret of a HashiCorp Vault or an OpenBao. Exactly one way to log
// in is stated: TokenFile, JWTFile with Role, or RoleID with SecretIDFile.
type Vault struct {
	Address, Namespace, Path, Field string

	CA string // certificates in PEM that it proves itself by; "": the host's roots

	Mount, TokenFile, Role, JWTFile, RoleID, SecretIDFile string
}

// ReadSecret reads a secret block.
func ReadSecret(v *value.Reader, b *hclsyntax.Block) *Secret {
	d := &reader{v}
	s := &Secret{Name: d.Identifier(b), Range: b.DefRange()}
	value.With(b.Body, "env", func(e hcl.Expression) { s.Env = d.Word(e).Value })
	value.With(b.Body, "file", func(e hcl.Expression) { s.File = d.hostPath(e) })
	value.With(b.Body, "exec", func(e hcl.Expression) {
		for _, w := range d.Words(e) {
			s.Exec = append(s.Exec, w.Value)
		}
	})
	value.With(b.Body, "aws", func(e hcl.Expression) {
		s.AWS = d.prefixed(e, "arn:", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:NAME")
	})
	value.With(b.Body, "gcp", func(e hcl.Expression) { s.GCP = d.prefixed(e, "projects/", "projects/PROJECT/secrets/NAME") })
	for _, inner := range b.Body.Blocks {
		if inner.Type == "vault" {
			s.Vault = d.vault(inner)
		}
	}
	value.With(b.Body, "refresh", func(e hcl.Expression) { s.Refresh = d.Duration(e) })
	switch {
	case len(s.places()) > 1:
		d.Fail(s.Range, "Two sources", "A secret has one source: env, file, exec, vault, aws or gcp, or none of them for the vault.")
	case s.Refresh != 0 && (s.Sealed() || s.Env != "" || s.File != ""):
		d.Fail(b.Body.Attributes["refresh"].NameRange, "Nothing reads this", "Only what is fetched is fetched again: exec, vault, aws and gcp. A file is read when it changes.")
	case s.Refresh != 0 && s.Refresh < 10*time.Second:
		d.Fail(b.Body.Attributes["refresh"].Expr.Range(), "Too often", `A secret is fetched every "10s" at most.`)
	}
	return s
}

// prefixed gives a word that begins as it must.
func (d *reader) prefixed(e hcl.Expression, prefix, example string) string {
	s := d.Word(e)
	if s.Stated() && !strings.HasPrefix(s.Value, prefix) {
		d.Fail(s.Range, "Bad name", "%q does not begin with %s; write it like %q.", s.Value, prefix, example)
	}
	return s.Value
}

// vault reads where in a HashiCorp Vault the secret is, and how to log in there.
func (d *reader) vault(b *hclsyntax.Block) *Vault {
	v := &Vault{}
	value.With(b.Body, "address", func(e hcl.Expression) {
		s := d.Word(e)
		if s.Stated() && !literal.SecretServer(s.Value) {
			d.Fail(s.Range, "Bad address", `%q is no address of a Vault; write it like "https://vault.acme.dev".`, s.Value)
		}
		v.Address = s.Value
	})
	value.With(b.Body, "namespace", func(e hcl.Expression) { v.Namespace = d.Word(e).Value })
	value.With(b.Body, "path", func(e hcl.Expression) { v.Path = d.Word(e).Value })
	value.With(b.Body, "field", func(e hcl.Expression) { v.Field = d.Word(e).Value })
	value.With(b.Body, "ca", func(e hcl.Expression) { v.CA = d.Authority(e).Value })
	d.Required(b, "address", `address = "https://vault.acme.dev"`)
	d.Required(b, "path", `path = "kv/data/db"`)
	d.Required(b, "auth", `auth = { role = "sallyport", jwt_file = "/run/token" }`)
	value.With(b.Body, "auth", func(e hcl.Expression) { d.vaultLogin(e, v, false) })
	return v
}

// vaultLogin reads how to log in; whole says that nothing but this tells of the server, so
// that its authority stands here, too.
func (d *reader) vaultLogin(e hcl.Expression, v *Vault, whole bool) {
	d.Object(e, func(key string, at hcl.Range, value hcl.Expression) {
		if whole && key == "ca" {
			v.CA = d.Authority(value).Value
			return
		}
		switch key {
		case "mount":
			v.Mount = d.Word(value).Value
		case "token_file":
			v.TokenFile = d.hostPath(value)
		case "role":
			v.Role = d.Word(value).Value
		case "jwt_file":
			v.JWTFile = d.hostPath(value)
		case "role_id":
			v.RoleID = d.Word(value).Value
		case "secret_id_file":
			v.SecretIDFile = d.hostPath(value)
		default:
			d.Fail(at, "Unknown attribute", "auth has no %q; it has token_file, or role and jwt_file, or role_id and secret_id_file.", key)
		}
	})
	ways := 0
	for _, whole := range []bool{v.TokenFile != "", v.Role != "" && v.JWTFile != "", v.RoleID != "" && v.SecretIDFile != ""} {
		if whole {
			ways++
		}
	}
	if ways != 1 {
		d.Fail(e.Range(), "Bad login", `Write one way to log in: { token_file = "/run/token" }, { role = "sallyport", jwt_file = "/run/jwt" } or { role_id = "…", secret_id_file = "/run/secret-id" }.`)
	}
}
