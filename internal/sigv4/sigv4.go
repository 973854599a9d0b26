// Package sigv4 checks Signature Version 4 as Amazon documents it, for servers of tests:
// by its own account of the request, with no code of those who sign.
package sigv4

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Verify recomputes the signature of a request whose body was read. It must be of the
// account with this id and key, for the service unless that is "".
func Verify(r *http.Request, body []byte, id, key, service string) error {
	var scope, names, signature string
	for _, part := range strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "), ", ") {
		k, v, _ := strings.Cut(part, "=")
		switch k {
		case "Credential":
			var ok bool
			if scope, ok = strings.CutPrefix(v, id+"/"); !ok {
				return fmt.Errorf("signed by %s", v)
			}
		case "SignedHeaders":
			names = v
		case "Signature":
			signature = v
		}
	}
	for _, must := range []string{"host", "x-amz-date"} {
		if !slices.Contains(strings.Split(names, ";"), must) {
			return fmt.Errorf("%s is not signed", must)
		}
	}
	for field := range r.Header {
		if strings.HasPrefix(field, "X-Amz-") && !slices.Contains(strings.Split(names, ";"), strings.ToLower(field)) {
			return fmt.Errorf("%s is not signed", field)
		}
	}
	parts := strings.Split(scope, "/")
	if len(parts) != 4 || parts[3] != "aws4_request" || service != "" && parts[2] != service {
		return fmt.Errorf("scope %q", scope)
	}
	c := canonical(r, body, names, parts[2])
	text := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + scope + "\n" + sum([]byte(c))
	k := []byte("AWS4" + key)
	for _, p := range parts {
		k = mac(k, p)
	}
	if want := hex.EncodeToString(mac(k, text)); want != signature {
		return fmt.Errorf("signature %s, want %s of\n%s", signature, want, c)
	}
	return nil
}

// canonical is the request as it is signed.
func canonical(r *http.Request, body []byte, names, service string) string {
	path := r.URL.EscapedPath()
	if service != "s3" {
		path = strings.ReplaceAll(path, "%", "%25")
	}
	query, _ := url.ParseQuery(r.URL.RawQuery)
	payload := r.Header.Get("X-Amz-Content-Sha256")
	if payload == "" {
		payload = sum(body)
	}
	var c bytes.Buffer
	fmt.Fprintf(&c, "%s\n%s\n%s\n", r.Method, path, strings.ReplaceAll(query.Encode(), "+", "%20"))
	for _, n := range strings.Split(names, ";") {
		v := strings.Join(r.Header.Values(n), ",")
		switch n {
		case "host":
			v = r.Host
		case "content-length":
			v = fmt.Sprint(r.ContentLength)
		}
		fmt.Fprintf(&c, "%s:%s\n", n, v)
	}
	fmt.Fprintf(&c, "\n%s\n%s", names, payload)
	return c.String()
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func mac(k []byte, text string) []byte {
	h := hmac.New(sha256.New, k)
	h.Write([]byte(text))
	return h.Sum(nil)
}
