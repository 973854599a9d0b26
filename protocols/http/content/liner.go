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
	inside bool // and so are those that are further in than indent
	open   bool // or that begin as what a value is made of does
	indent int
	until  string // all is, up to the line with this in it
	row    row    // what may be a line of names was the last
	named  bool   // a name was seen
	why    string // nothing may be kept
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
		if len(*n) < 1<<10 {
			(*n)[name] = secret
		}
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
func (l *liner) add(line string) { l.addTo("", line) }

// addTo is add for a line that stands behind the name of a field.
func (l *liner) addTo(field, line string) {
	s := strings.TrimRight(line, "\r\n")
	if s != "" {
		l.title(s, len(s) == len(line))
	}
	kept, hidden := l.line(s)
	if hidden {
		kept += Masked
	}
	l.put(field+kept+line[len(s):], hidden)
}

// all takes a whole text, and gives what may be kept of it, or why nothing may.
func (l *liner) all(text string) (kept, untold string) {
	for line := range strings.Lines(lined(text)) {
		l.add(line)
	}
	kept, _ = l.text()
	return kept, l.why
}

// lined gives text with lines that end as they are taken here, also where they end as
// on the old Macintosh, or in events.
func lined(text string) string {
	if strings.Count(text, "\r") == strings.Count(text, "\r\n") {
		return text
	}
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
}

func (l *liner) text() (string, bool) { return l.out.String(), l.hidden }

// line gives the beginning of a line that may be kept, and whether there is more.
func (l *liner) line(s string) (kept string, hidden bool) {
	if l.key || strings.Contains(s, "PRIVATE KEY-----") {
		l.key = !strings.Contains(s, "-----END ")
		return "", true
	}
	if l.until != "" {
		if l.next = false; strings.Contains(s, l.until) {
			l.until = ""
		}
		return "", true
	}
	if strings.TrimSpace(s) == "" {
		l.table = false
		return s, false
	}
	in := len(s) - len(strings.TrimLeft(s, " \t"))
	if strings.Trim(s, " \t-=+|_*:") == "" && len(s)-in > 1 { // it underlines
		return s, false
	}
	if l.next || l.table || l.inside && (in > l.indent || l.open && strings.IndexByte("-]})\"'([{", s[in]) >= 0) {
		l.next = strings.HasSuffix(s, `\`)
		return s[:in], true
	}
	l.inside, l.open = false, false
	if normal.SecretValue(s) {
		l.next = strings.HasSuffix(s, `\`)
		return s[:in], true
	}
	return l.behind(s, in)
}

// behind is line for one that no line above it makes a value of.
func (l *liner) behind(s string, in int) (kept string, hidden bool) {
	at, rest := l.secretWord(s)
	if at < 0 {
		if _, at = parameters(s, false, nested); at < 0 {
			l.above(s)
			return s, false
		}
		l.named = true
		return s[:at], true
	}
	l.named, l.inside, l.indent = true, true, in
	if headings(s) {
		l.table = true
		return s[:in], true
	}
	value := strings.TrimRight(rest, " \t")
	l.open = strings.Count(value, "[")+strings.Count(value, "{")+strings.Count(value, "(") > strings.Count(value, "]")+strings.Count(value, "}")+strings.Count(value, ")")
	if value == "" || strings.IndexByte(`:=|>[{(,\`, value[len(value)-1]) >= 0 {
		l.next, l.open = true, true
	}
	l.until = unclosed(s, value)
	if strings.Trim(rest, " \t:=>|-+\"'`{[(\\") == "" {
		l.next, l.open = true, true
		return s, false
	}
	return s[:at], true
}

// unclosed gives what closes the value that goes on behind the end of line; "" where
// none does.
func unclosed(line, value string) string {
	for _, quote := range []string{`"""`, "'''", "`", `"`} {
		if strings.Count(line, quote)%2 > 0 {
			return quote
		}
	}
	if _, end, found := strings.Cut(value, "<<"); found {
		return strings.TrimFunc(end, func(r rune) bool { return r > 127 || !wordByte(byte(r)) || r == '-' })
	}
	return ""
}

// above takes note of a line that is the name of a secret, or ends with it, and has no
// value: what is below it may be one.
func (l *liner) above(s string) {
	words := strings.Fields(strings.Trim(s, " \t#*_`\"'"))
	if len(words) == 0 || len(words) > 3 || strings.ContainsAny(s, ":=") || !l.names.secret(words[len(words)-1]) {
		return
	}
	l.named, l.next, l.table = true, true, l.table || len(words) == 1
}

// secretWord finds the first name of a secret with something behind it, or what is
// too long for a word, and gives where what is to be hidden begins; -1: nowhere.
func (l *liner) secretWord(s string) (at int, rest string) {
	heads, spoken := headings(s), len(strings.TrimRight(s, speech)) // from there on it only goes on speaking
	for i := 0; i < len(s); i++ {
		from := i
		for i < len(s) && wordByte(s[i]) {
			i++
		}
		if i-from > longest {
			return from, s[from:]
		}
		if from < i && l.names.secret(s[from:i]) && (heads || i < spoken) {
			return i, s[i:]
		}
	}
	return -1, ""
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// speech is what stands behind a name where a sentence only speaks of it.
const speech = " \t.,;!?()abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// headings reports whether a line looks like the names of columns.
func headings(s string) bool {
	s = strings.TrimSpace(s)
	return strings.Contains(s, "\t") || strings.Count(s, "|") > 1 || strings.Contains(s, "  ") || s == strings.ToUpper(s) && !strings.ContainsAny(s, ":=")
}
