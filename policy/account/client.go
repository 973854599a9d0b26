package account

import "github.com/hashicorp/hcl/v2"

// The flows of oauth2. In the last two a person is asked, by secret connect.
const (
	flowOwn     = "client_credentials"
	flowRefresh = "refresh_token"
	flowCode    = "authorization_code"
	flowDevice  = "device_code"
)

// client settles how an OAuth client proves itself, and by which grant.
func (r *reader) client(e hcl.Expression, spec map[string]any, secrets map[string]string) bool {
	how := text(spec, "client_auth")
	delete(spec, "client_auth")
	if how != "" && how != "basic" && how != "body" {
		r.fail(e.Range(), "Bad auth", `client_auth is "basic" (the default) or "body".`)
		return false
	}
	flow := r.flow(e, spec, secrets)
	if flow == "" || !r.server(e, spec, secrets, flow) {
		return false
	}
	delete(spec, "flow")
	if flow == flowCode || flow == flowDevice {
		spec["flow"] = flow
	}
	if how == "body" {
		spec["in_body"] = true
	}
	if _, hasSecret := secrets["client_secret"]; !hasSecret {
		spec["public"] = true
	}
	return true
}

func text(spec map[string]any, name string) string {
	s, _ := spec[name].(string)
	return s
}

// flow gives the flow that is stated, or follows from what is; "" after a complaint.
func (r *reader) flow(e hcl.Expression, spec map[string]any, secrets map[string]string) string {
	flow := text(spec, "flow")
	_, hasSecret := secrets["client_secret"]
	_, hasRefresh := secrets["refresh_token"]
	switch {
	case flow == "" && text(spec, "authorize_url") != "":
		flow = flowCode
	case flow == "" && text(spec, "device_url") != "":
		flow = flowDevice
	case flow == "" && text(spec, "token_url") == "" && (text(spec, "issuer") != "" || text(spec, "resource") != ""):
		flow = flowCode
	case flow == "" && hasRefresh:
		flow = flowRefresh
	case flow == "" && hasSecret:
		flow = flowOwn
	}
	switch flow {
	case "":
		r.fail(e.Range(), "Attribute missing", "oauth2 needs client_secret = secret.NAME, or refresh_token = secret.NAME of a client without a secret.")
		return ""
	case flowOwn, flowRefresh:
		if flow == flowRefresh != hasRefresh {
			r.fail(e.Range(), "Contradiction", "refresh_token = secret.NAME and the flow refresh_token belong together.")
			return ""
		}
	case flowCode, flowDevice:
		if !hasRefresh {
			r.fail(e.Range(), "Attribute missing", "The flow %s needs refresh_token = secret.NAME: the secret that `sallyport secret connect NAME` gives its value.", flow)
			return ""
		}
	default:
		r.fail(e.Range(), "Bad auth", `flow is "client_credentials", "refresh_token", "authorization_code" or "device_code".`)
		return ""
	}
	return flow
}

// server complains about a server that is not there, or that nothing asks.
func (r *reader) server(e hcl.Expression, spec map[string]any, secrets map[string]string, flow string) bool {
	has := func(name string) bool { return text(spec, name) != "" }
	asks := flow == flowCode || flow == flowDevice
	page := map[string]string{flowCode: "authorize_url", flowDevice: "device_url"}[flow]
	_, hasSecret := secrets["client_secret"]
	switch {
	case !has("token_url") && !asks:
		r.fail(e.Range(), "Attribute missing", "oauth2 needs token_url.")
	case !has("client_id") && !asks:
		r.fail(e.Range(), "Attribute missing", "oauth2 needs client_id.")
	case !has("token_url") && !has("issuer") && !has("resource"):
		r.fail(e.Range(), "Attribute missing", "oauth2 needs token_url and %s, or an issuer or a resource that says where they are.", page)
	case has("token_url") && asks && !has(page) && !has("issuer"):
		r.fail(e.Range(), "Attribute missing", "The flow %s needs %s, or an issuer that says where it is.", flow, page)
	case !has("client_id") && hasSecret:
		r.fail(e.Range(), "Attribute missing", "A client_secret is of a client_id; without either the gateway registers itself.")
	case !has("client_id") && has("token_url") && !has("issuer"):
		r.fail(e.Range(), "Attribute missing", "oauth2 needs client_id: only a server that is looked up, by issuer or resource, can be asked to register the gateway.")
	case has("authorize_url") && flow != flowCode, has("device_url") && flow != flowDevice:
		r.fail(e.Range(), "Nothing reads this", "authorize_url belongs to the flow authorization_code, device_url to device_code; this one is %s.", flow)
	case has("issuer") && !asks:
		r.fail(e.Range(), "Nothing reads this", "An issuer is asked when a person connects the account; the flow %s asks nobody.", flow)
	default:
		return true
	}
	return false
}
