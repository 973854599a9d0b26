package content

import (
	"strings"

	"sallyport.dev/sallyport/protocols/http/normal"
)

// A liner hides secrets in a text that has no grammar: what stands behind a name, a
// line with what looks like a secret, a private key, the columns below a name. It
// takes too much sooner than too little. The zero liner is ready.
type liner struct {
	out    strings.Builder
	hidden bool
	key    bool // inside of a private key
	table  bool // below a line of names, up to a blank one
	next   bool // the next line is a value
	indent int  // and so are those that are further in than this
	inside bool // indent counts
	named  bool // a name was seen
	names  memo
}

// memo tells normal.SecretName, which is asked once of each; nil is ready.
type memo map[string]bool

func (n *memo) secret(name string) bool {
	secret, known := (*n)[name]
	if !known {
		if secret = normal.SecretName(name); *n == nil {
			*n = memo{}
		}
		(*n)[name] = secret
	}
	return secret
}

const longest = 64 // letters of a word; what is longer is no word

// put takes a line that is fit to be kept.
func (l *liner) put(line string, hidden bool) {
	l.out.WriteString(line)
	l.hidden = l.hidden || hidden
}

// add takes a line with its end.
func (l *liner) add(line string) {
	s := strings.TrimRight(line, "\r\n")
	kept, hidden := l.line(s)
	if hidden {
		kept += Masked
	}
	l.put(kept+line[len(s):], hidden)
}

// all takes a whole text, and gives what may be kept of it, or why nothing may.
func (l *liner) all(text string) (kept, untold string) {
	for line := range strings.Lines(text) {
		l.add(line)
	}
	kept, _ = l.text()
	return kept, ""
}

func (l *liner) text() (string, bool) { return l.out.String(), l.hidden }

// line gives the beginning of a line that may be kept, and whether there is more.
func (l *liner) line(s string) (kept string, hidden bool) {
	if l.key || strings.Contains(s, "PRIVATE KEY-----") {
		l.key = !strings.Contains(s, "-----END ")
		return "", true
	}
	if strings.TrimSpace(s) == "" {
		l.table = false
		return s, false
	}
	in := len(s) - len(strings.TrimLeft(s, " \t"))
	if l.next || l.table || l.inside && in > l.indent {
		l.next = false
		return s[:in], true
	}
	l.inside = false
	if normal.SecretValue(s) {
		return s[:in], true
	}
	at, rest := l.secretWord(s)
	if at < 0 {
		if _, at = parameters(s, false, nested); at < 0 {
			return s, false
		}
		l.named = true
		return s[:at], true
	}
	l.named = true
	switch {
	case headings(s):
		l.table = true
		return s[:in], true
	case strings.Trim(rest, " \t:=>|-+\"'`{[(") == "":
		l.next, l.inside, l.indent = true, true, in
		return s, false
	}
	return s[:at], true
}

// secretWord finds the first name of a secret with something behind it, or what is
// too long for a word, and gives where what is to be hidden begins; -1: nowhere.
func (l *liner) secretWord(s string) (at int, rest string) {
	for i := 0; i < len(s); i++ {
		from := i
		for i < len(s) && wordByte(s[i]) {
			i++
		}
		if i-from > longest {
			return from, s[from:]
		}
		if from < i && l.names.secret(s[from:i]) && (headings(s) || !prose(s[i:])) {
			return i, s[i:]
		}
	}
	return -1, ""
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// prose reports whether what stands behind a name only goes on speaking of it.
func prose(rest string) bool {
	return strings.Trim(rest, " \t.,;!?()abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// headings reports whether a line looks like the names of columns.
func headings(s string) bool {
	s = strings.TrimSpace(s)
	return strings.Contains(s, "\t") || strings.Count(s, "|") > 1 || strings.Contains(s, "  ") || s == strings.ToUpper(s) && !strings.ContainsAny(s, ":=")
}
