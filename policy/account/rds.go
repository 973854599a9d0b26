package account

import (
	"encoding/json"
	"strings"

	"sallyport.dev/sallyport/action"

	"github.com/hashicorp/hcl/v2"
)

// SchemeRDS is what aws_sigv4 with a user is: the account signs tokens that RDS takes
// for the password of that user.
const SchemeRDS = "aws_rds_iam"

// rds makes an account with a user one of RDS.
func (r *reader) rds(e hcl.Expression, spec map[string]any, a *action.Auth) bool {
	user := text(spec, "user")
	if user == "" && text(spec, "endpoint") != "" {
		r.fail(e.Range(), "Nothing reads this", `endpoint is where a database of RDS is, and user = "…" who logs in there.`)
		return false
	}
	if text(spec, "ca") != "" && text(spec, "role_arn") == "" {
		r.fail(e.Range(), "Nothing reads this", "ca is what proves the service that gives roles, and is read with role_arn only.")
		return false
	}
	if user != "" {
		a.Scheme, a.Name = SchemeRDS, user
		delete(spec, "user")
	}
	return true
}

// At tells accounts of RDS where the database is, for those that do not say so.
func (a *Account) At(endpoint string) {
	each := func(auth *action.Auth) {
		spec := map[string]any{}
		if auth.Scheme != SchemeRDS || json.Unmarshal([]byte(auth.Spec), &spec) != nil || text(spec, "endpoint") != "" {
			return
		}
		spec["endpoint"] = endpoint
		if b, err := json.Marshal(spec); err == nil {
			auth.Spec = string(b)
		}
	}
	each(&a.One)
	for i := range a.ByRole {
		each(&a.ByRole[i].Auth)
	}
}

// Endpoint gives where an account of RDS says that the database is.
func Endpoint(a action.Auth) (endpoint, region string) {
	var spec struct{ Endpoint, Region string }
	if json.Unmarshal([]byte(a.Spec), &spec) != nil {
		return "", ""
	}
	return spec.Endpoint, spec.Region
}

// Region reads the region out of the name of a database of RDS, as in
// NAME.ID.eu-central-1.rds.amazonaws.com; "" if it is none.
func Region(host string) string {
	host = strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(host), "."), ".cn")
	before, ok := strings.CutSuffix(host, ".rds.amazonaws.com")
	if !ok {
		return ""
	}
	return before[strings.LastIndexByte(before, '.')+1:]
}
