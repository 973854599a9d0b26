package http

import (
	"net/http"
	"net/url"
	"strings"

	"sallyport.dev/sallyport/protocols/http/normal"
	"sallyport.dev/sallyport/vault"
)

// An injection is what a credential sets on a request: fields, a cookie or
// parameters, each in place of the agent's own. The zero value sets nothing.
type injection struct {
	header http.Header
	cookie string
	params []normal.Param
	query  string
}

// authorization asks the credential what it sets. It is asked on an empty
// request, so that what it set is all that stands there.
func authorization(cred *vault.Credential) (injection, error) {
	if cred == nil {
		return injection{}, nil
	}
	r := &http.Request{Header: make(http.Header, 1), URL: new(url.URL)}
	if err := cred.Authorize(r); err != nil {
		return injection{}, err
	}
	in := injection{header: r.Header, query: r.URL.RawQuery}
	in.cookie = r.Header.Get("Cookie")
	in.params, _ = normal.Query(in.query)
	return in, nil
}

// mergeField gives the agent's values of a field that go out beside the
// credential. Cookies of other names stay.
func (in *injection) mergeField(name string, values []string) []string {
	if _, ours := in.header[name]; !ours {
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
	in.header["Cookie"] = []string{strings.Join(append(keep, in.cookie), "; ")}
	return nil
}

func (in *injection) mergeQuery(query string) string {
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
