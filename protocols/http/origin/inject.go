package origin

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"sallyport.dev/sallyport/protocols/http/normal"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/scrub"
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

// Short gives the values among what it sets that are too short to be looked for in
// what comes back, as they stand in it.
func (in *Injection) Short() []string {
	var short []string
	for name, values := range in.Header {
		for _, v := range values {
			scheme, word, found := strings.Cut(v, " ")
			switch {
			case name == "Cookie": // its value is quoted where it holds a space
				_, word, _ = strings.Cut(v, "=")
				word = strings.Trim(word, `"`)
			case !found:
				word = v
			case len(v) < scrub.Least && name != "Authorization": // what stands before the space may be no scheme
				if short = append(short, v); len(word) < 4 {
					continue
				}
			case strings.EqualFold(scheme, "Basic"):
				plain, _ := base64.StdEncoding.DecodeString(word)
				if _, password, _ := strings.Cut(string(plain), ":"); len(password) < scrub.Least {
					short = append(short, word, password)
				}
				continue
			}
			if len(word) < scrub.Least {
				short = append(short, word)
			}
		}
	}
	for _, p := range in.params {
		for _, v := range p.Values {
			if len(v) < scrub.Least {
				short = append(short, v)
			}
		}
	}
	return short
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
