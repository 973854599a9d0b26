package origin

import (
	"net/http"
	"net/url"
	"strings"

	"sallyport.dev/sallyport/protocols/http/normal"
	"sallyport.dev/sallyport/vault"
)

// An Injection is what a credential sets on a request: fields, a cookie or
// parameters, each in place of the agent's own. The zero value sets nothing.
type Injection struct {
	Header http.Header // what goes out beside the agent's fields
	cookie string
	params []normal.Param
	query  string
}

// Authorize asks the credential what it sets. It is asked on an empty
// request, so that what it set is all that stands there.
func Authorize(cred *vault.Credential) (Injection, error) {
	if cred == nil {
		return Injection{}, nil
	}
	r := &http.Request{Header: make(http.Header, 1), URL: new(url.URL)}
	if err := cred.Authorize(r); err != nil {
		return Injection{}, err
	}
	in := Injection{Header: r.Header, query: r.URL.RawQuery}
	in.cookie = r.Header.Get("Cookie")
	in.params, _ = normal.Query(in.query)
	return in, nil
}

// Field gives the agent's values of a field that go out beside the
// credential. Cookies of other names stay.
func (in *Injection) Field(name string, values []string) []string {
	if _, ours := in.Header[name]; !ours {
		return values
	}
	if name != "Cookie" {
		return nil
	}
	bound, _, _ := strings.Cut(in.cookie, "=")
	var keep []string
	for _, v := range values {
		for c := range strings.SplitSeq(v, ";") {
			c = strings.TrimSpace(c)
			if n, _, _ := strings.Cut(c, "="); c != "" && strings.TrimSpace(n) != bound {
				keep = append(keep, c)
			}
		}
	}
	in.Header["Cookie"] = []string{strings.Join(append(keep, in.cookie), "; ")}
	return nil
}

// Query gives the query that goes out, with the credential in it.
func (in *Injection) Query(query string) string {
	if in.query == "" {
		return query
	}
	query = normal.StripQuery(query, func(name string) bool {
		for _, p := range in.params {
			if p.Name == name {
				return true
			}
		}
		return false
	})
	if query == "" {
		return in.query
	}
	return query + "&" + in.query
}
