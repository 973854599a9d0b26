package normal

import "strings"

// marks begin the secrets of those who mark theirs, so that they are found where
// they do not belong.
func marks() []string {
	return []string{
		"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "sk-", "sk_live_", "sk_test_", "rk_live_", "xoxb-", "xoxp-",
		"xoxa-", "xapp-", "AKIA", "ASIA", "AIza", "ya29.", "npm_", "pypi-", "hf_", "SG.", "shpat_", "dop_v1_", "tskey-", "AGE-SECRET-KEY-",
	}
}

// markedLength is how long a word is at least that is taken for a marked secret.
const markedLength = 20

// SecretValue reports whether a text holds what looks like a secret, whatever it is
// called: a private key, a marked key, a signed token, a password in a URL.
func SecretValue(s string) bool {
	if strings.Contains(s, "PRIVATE KEY-----") {
		return true
	}
	if i := strings.Index(s, "://"); i >= 0 {
		rest, _, _ := strings.Cut(s[i+len("://"):], "/")
		if user, _, found := strings.Cut(rest, "@"); found && strings.Contains(user, ":") {
			return true
		}
	}
	if len(s) < markedLength {
		return false
	}
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return !wordOfSecret(r) }) {
		if len(word) < markedLength {
			continue
		}
		if strings.HasPrefix(word, "eyJ") && strings.Count(word, ".") >= 2 { // RFC 7519
			return true
		}
		for _, mark := range marks() {
			if strings.HasPrefix(word, mark) {
				return true
			}
		}
	}
	return false
}

// wordOfSecret reports whether r may stand in a marked secret.
func wordOfSecret(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.'
}
