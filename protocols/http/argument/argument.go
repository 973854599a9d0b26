// Package argument hides the secrets in the commands that requests have run, as those to
// Kubernetes and Docker do: what people read of a request, and what is recorded, is
// without them. What is judged and sent stays as it is.
package argument

import (
	"net/url"
	"strings"

	"sallyport.dev/sallyport/action/command"
	"sallyport.dev/sallyport/protocols/http/normal"
)

// Masked stands in the place of a secret.
const Masked = "[hidden]"

// Line reads the arguments of one command.
func Line() command.Reader {
	return command.Reader{Named: normal.SecretName, Marked: normal.SecretValue}
}

// Values gives the values of what is called name, where that is a command and any of them
// holds a secret.
func Values(name string, values []string) (kept []string, hidden bool) {
	if !command.Holds(name) {
		return values, false
	}
	line := Line()
	for i, v := range values {
		secrets := line.Next(v)
		if len(secrets) > 0 && !hidden {
			kept, hidden = append(make([]string, 0, len(values)), values[:i]...), true
		}
		if hidden {
			kept = append(kept, command.Hide(v, secrets, Masked))
		}
	}
	if !hidden {
		return values, false
	}
	return kept, true
}

// Query gives a raw query without secrets: the values of parameters that are called so,
// and in the arguments of commands. Everything else stays as it is sent.
func Query(raw string) string {
	raw = normal.MaskQuery(raw, Masked, normal.SecretName)
	if !holds(raw) {
		return raw
	}
	var out strings.Builder
	line := Line()
	for raw != "" {
		pair, rest := raw, ""
		if end := strings.IndexAny(raw, "&;"); end >= 0 {
			pair, rest = raw[:end], raw[end:]
		}
		name, value, valued := strings.Cut(pair, "=")
		if valued && value != Masked && command.Holds(plain(name)) {
			pair = name + "=" + shown(&line, value)
		}
		out.WriteString(pair)
		out.WriteString(rest[:min(len(rest), 1)])
		raw = rest[min(len(rest), 1):]
	}
	return out.String()
}

func holds(raw string) bool {
	for pair := range strings.FieldsFuncSeq(raw, func(r rune) bool { return r == '&' || r == ';' }) {
		if name, _, _ := strings.Cut(pair, "="); command.Holds(plain(name)) {
			return true
		}
	}
	return false
}

// shown gives the value of a parameter, as it stands in the query, without secrets.
func shown(line *command.Reader, raw string) string {
	value, err := url.QueryUnescape(raw)
	if err != nil {
		return Masked
	}
	secrets := line.Next(value)
	if len(secrets) == 0 {
		return raw
	}
	return strings.ReplaceAll(url.QueryEscape(command.Hide(value, secrets, Masked)), url.QueryEscape(Masked), Masked)
}

// plain reads the name of a parameter.
func plain(name string) string {
	if p, err := url.QueryUnescape(name); err == nil {
		return p
	}
	return name
}
