package normal

import (
	"net/http"
	"net/textproto"
	"strings"
)

// Request brings the fields of an agent's request to the form that is matched and
// sent, in place: what belongs to one connection, speaks for a proxy, overrides
// the method or frames the body is taken out. Keys must be canonical.
func Request(h http.Header, http2 bool) error {
	if err := hop(h, http2); err != nil {
		return err
	}
	for name, values := range h {
		if strings.IndexByte(name, '_') >= 0 || unwanted(name) {
			delete(h, name)
			continue
		}
		if len(values) < 2 {
			continue
		}
		if name == "Cookie" {
			h[name] = []string{strings.Join(values, "; ")}
			continue
		}
		if single(name) {
			return ErrRepeated
		}
	}
	return nil
}

// hop removes what the Connection field names, and what belongs to a connection
// whether it is named or not.
func hop(h http.Header, http2 bool) error {
	trailers := false
	for _, v := range h["Te"] {
		if !http2 || strings.EqualFold(strings.TrimSpace(v), "trailers") {
			trailers = trailers || strings.Contains(strings.ToLower(v), "trailers")
			continue
		}
		return ErrHop
	}
	for _, v := range h["Connection"] {
		for token := range strings.SplitSeq(v, ",") {
			delete(h, textproto.CanonicalMIMEHeaderKey(textproto.TrimString(token)))
		}
	}
	for name := range h {
		if !hopByHop(name) {
			continue
		}
		if http2 && name != "Te" && name != "Trailer" && name != "Proxy-Authorization" {
			return ErrHop
		}
		delete(h, name)
	}
	if trailers {
		h["Te"] = []string{"trailers"}
	}
	return nil
}

func hopByHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// unwanted names what an agent may not tell an origin, and what only framed the
// message it came in.
func unwanted(name string) bool {
	switch name {
	case "Content-Length", "Host", "Expect", "Http2-Settings", "Early-Data",
		"X-Http-Method-Override", "X-Method-Override", "X-Http-Method",
		"Forwarded", "X-Real-Ip", "Via",
		"Client-Cert", "Client-Cert-Chain": // RFC 9440: who a proxy says has proved himself
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded") || strings.HasPrefix(name, "X-Original-") || strings.HasPrefix(name, "X-Rewrite-")
}

func single(name string) bool {
	switch name {
	case "Authorization", "Content-Type", "Content-Range", "Content-Location", "Content-Disposition",
		"Content-Md5", "Date", "From", "If-Modified-Since", "If-Range", "If-Unmodified-Since",
		"Max-Forwards", "Origin", "Range", "Referer", "User-Agent", "Upgrade-Insecure-Requests",
		"Idempotency-Key", "Sec-Websocket-Key", "Sec-Websocket-Version":
		return true
	}
	return false
}

// Response takes out of an answer what belongs to the connection it came on or
// would lead the agent around the gateway. In place; keys must be canonical.
func Response(h http.Header) {
	for _, v := range h["Connection"] {
		for token := range strings.SplitSeq(v, ",") {
			if token = textproto.TrimString(token); !strings.EqualFold(token, "close") {
				delete(h, textproto.CanonicalMIMEHeaderKey(token))
			}
		}
	}
	for name := range h {
		if hopByHop(name) || name == "Alt-Svc" {
			delete(h, name)
		}
	}
}

// Trailer reports whether a field may come after the body: nothing that frames,
// routes, authorizes or describes the message.
func Trailer(name string) bool {
	switch name {
	case "Content-Length", "Host", "Alt-Svc", "Cookie", "Set-Cookie", "Cache-Control", "Expires", "Age", "Vary",
		"Content-Encoding", "Content-Type", "Content-Range", "Content-Location", "Content-Disposition",
		"Location", "Retry-After", "Www-Authenticate", "Max-Forwards", "Range", "Pragma", "Date", "Origin", "Referer":
		return false
	}
	if strings.HasPrefix(name, "If-") || strings.HasPrefix(name, "Access-Control-") || strings.HasPrefix(name, "Sec-") {
		return false
	}
	return strings.IndexByte(name, '_') < 0 && !hopByHop(name) && !unwanted(name) && !CredentialField(name) && !SecretName(name)
}

// CredentialField reports whether a field is taken from an agent whose service
// has a credential of its own.
func CredentialField(name string) bool {
	switch name {
	case "Authorization", "Proxy-Authorization", "X-Api-Key", "Api-Key", "Apikey", "X-Apikey", "Private-Token",
		"Job-Token", "Deploy-Token", "X-Goog-Api-Key", "X-Goog-Iam-Authorization-Token", "X-Auth-Token",
		"X-Access-Token", "X-Auth-Key", "X-Authorization":
		return true
	}
	return strings.HasPrefix(name, "X-Amz-")
}

// CredentialParam is CredentialField for parameters of the query.
func CredentialParam(name string) bool {
	return strings.EqualFold(name, "key") || strings.EqualFold(name, "access_token") ||
		len(name) > 6 && strings.EqualFold(name[:6], "x-amz-")
}

// OverrideParam reports whether a parameter would change the method, also where
// PHP makes that name of it.
func OverrideParam(name string) bool {
	name, _, _ = strings.Cut(strings.TrimLeft(name, " "), "\x00")
	return len(name) == len("_method") && strings.IndexByte("_.[", name[0]) >= 0 && strings.EqualFold(name[1:], "method")
}

// SecretName reports whether the value of a field or parameter of this name is
// likely to be a secret, so that it must never be recorded.
func SecretName(name string) bool {
	if len(name) > 64 {
		return true
	}
	var buf [64]byte
	lower := buf[:len(name)]
	for i := range lower {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '_':
			c = '-'
		}
		lower[i] = c
	}
	if s := string(lower); s == "key" || s == "sig" || s == "code" || s == "pwd" || s == "jwt" {
		return true
	}
	for _, part := range [...]string{
		"auth", "token", "secret", "passw", "passphrase", "cookie", "credential", "signature", "session",
		"api-key", "apikey", "access-key", "accesskey", "private-key", "subscription-key", "x-amz-", "api-sig", "websocket-key",
	} {
		if strings.Contains(string(lower), part) {
			return true
		}
	}
	return false
}
