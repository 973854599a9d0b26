package content

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"sallyport.dev/sallyport/protocols/http/content/survey"
)

// A Beginning is what the record holds of the beginning of an answer's body: its
// text, without the values of what is named or looks like a secret.
type Beginning struct {
	Text   string
	Hidden bool   // Masked stands in place of some values
	Cut    bool   // it is not all of the body
	Untold string // why there is no Text
}

// What stands in Beginning.Untold.
const (
	noText   = "it is no text"
	charset  = "its character set is none that is read here"
	columns  = "its values stand in columns, away from their names"
	dumped   = "it is a dump of a database, whose values stand away from their names"
	named    = "it names what may be a secret"
	unpacked = "its coding cannot be undone"
)

// Coded is the Beginning of a body whose coding cannot be undone.
func Coded(whole bool) Beginning { return Beginning{Cut: !whole, Untold: unpacked} }

// Begin makes what the record holds of raw, which is all of a body or, unless whole,
// its beginning; typ are the values of Content-Type. Nobody judges by it: unlike
// Keep it takes text, too, of which lines and words are hidden sooner than not.
func Begin(typ []string, raw []byte, whole bool) Beginning {
	b := Beginning{Cut: !whole}
	mediaType, fine := unicodeType(typ)
	if len(typ) > 1 || !fine {
		b.Untold = charset
		return b
	}
	if !whole {
		raw = wholeRunes(raw)
	}
	if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
		b.Untold = noText
		return b
	}
	if len(bytes.TrimSpace(raw)) > 0 {
		b.mask(mediaType, raw, whole)
	}
	return b
}

// mask fills in b by what the body says that it is.
func (b *Beginning) mask(mediaType string, raw []byte, whole bool) {
	plain := mediaType == "" || mediaType == "text/plain"
	switch {
	case IsJSON(mediaType) || plain && looksLikeJSON(raw):
		var s survey.Survey
		var ok bool
		if b.Text, b.Hidden, ok = maskPart(raw, whole, &s); !ok {
			b.text(string(raw), whole)
		} else if s.Table(whole) {
			b.untold(columns)
		}
	case mediaType == "application/x-www-form-urlencoded":
		b.formPart(string(raw), whole)
	case mediaType == "text/event-stream" || jsonLines(mediaType):
		b.lines(string(raw), whole)
	case mediaType == "text/csv" || mediaType == "text/tab-separated-values":
		b.Untold = columns
	case markup(mediaType):
		if b.text(string(raw), whole) { // its names may stand behind its values
			b.untold(named)
		}
	case plain || strings.HasPrefix(mediaType, "text/") || script(mediaType):
		b.text(string(raw), whole)
	default:
		b.Untold = noText
	}
}

// untold keeps nothing, for this reason.
func (b *Beginning) untold(why string) { b.Text, b.Hidden, b.Untold = "", false, why }

func jsonLines(mediaType string) bool {
	switch mediaType {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json-seq":
		return true
	}
	return false
}

func markup(mediaType string) bool {
	return mediaType == "text/html" || strings.HasSuffix(mediaType, "/xml") || strings.HasSuffix(mediaType, "+xml")
}

func script(mediaType string) bool {
	switch mediaType {
	case "application/javascript", "application/x-javascript", "application/yaml", "application/x-yaml", "application/toml", "application/graphql", "application/x-sh":
		return true
	}
	return false
}

// wholeRunes leaves out the letter that a cut goes through.
func wholeRunes(b []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if last := b[len(b)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// wholeWords leaves out the word that a cut goes through: half of a secret does not
// look like one.
func wholeWords(s string) string { return s[:strings.LastIndexAny(s, " \t\r\n")+1] }

// formPart keeps the pairs of a form that are there whole.
func (b *Beginning) formPart(form string, whole bool) {
	if !whole {
		form = form[:strings.LastIndexByte(form, '&')+1]
	}
	var ok bool
	if b.Text, b.Hidden, ok = maskForm(form); !ok || strings.ContainsAny(form, " \t\r\n:;\"'{") { // it is called a form
		b.text(form, true)
	}
}

// text keeps a text line by line, and reports whether there is anything to hide.
func (b *Beginning) text(text string, whole bool) (names bool) {
	if !whole {
		text = wholeWords(text)
	}
	var l liner
	var why string
	if b.Text, why = l.all(text); why != "" {
		b.untold(why)
		return false
	}
	b.Hidden = l.hidden
	return l.named || l.hidden
}

// lines keeps a stream of events or of documents, one a line. The lines of data of an
// event are one document, where they are one.
func (b *Beginning) lines(text string, whole bool) {
	var l liner
	s := survey.Survey{Lines: true}
	text = lined(text)
	for text != "" {
		var field string
		line, rest := text, ""
		if strings.HasPrefix(text, data) {
			line, rest = event(text)
		} else if i := strings.IndexByte(text, '\n'); i >= 0 {
			line, rest = text[:i+1], text[i+1:]
		}
		text = rest
		cut := !whole && text == "" && !strings.HasSuffix(line, "\n")
		if strings.HasPrefix(line, data) {
			field = data
		} else if i := strings.IndexAny(line, "{["); i >= 0 && strings.TrimSpace(strings.Trim(line[:i], "\x1e")) == "" {
			field = line[:i]
		}
		b.piece(&l, &s, field, line, cut)
	}
	if b.Text, b.Hidden = l.text(); l.why != "" {
		b.untold(l.why)
	} else if s.Table(whole) {
		b.untold(columns)
	}
}

const data = "data:"

// event cuts the lines of data off that text begins with.
func event(text string) (lines, rest string) {
	rest = text
	for strings.HasPrefix(rest, data) {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	return text[:len(text)-len(rest)], rest
}

// piece keeps a document that stands in some lines behind field, or their text.
func (b *Beginning) piece(l *liner, s *survey.Survey, field, lines string, cut bool) {
	document := strings.TrimRight(lines, "\r\n")
	end := lines[len(document):]
	if document = strings.TrimPrefix(document, field); field == data {
		document = strings.ReplaceAll(document, "\n"+data, "\n")
	}
	if looksLikeJSON([]byte(document)) {
		if masked, hidden, ok := maskPart([]byte(document), !cut, s); ok {
			if field == data {
				masked = strings.ReplaceAll(masked, "\n", "\n"+data)
			}
			l.put(field+masked+end, hidden)
			return
		}
	}
	if field != data {
		field, document = "", field+document
	}
	if document += end; cut {
		document = wholeWords(document)
	}
	for line := range strings.Lines(document) {
		l.addTo(field, line)
	}
}

// maskPart is maskJSON for a document of which, unless whole, only the beginning is
// there. What the cut goes through is left out, but for a text, which loses the word.
// s learns of tables in it.
func maskPart(text []byte, whole bool, s *survey.Survey) (masked string, hidden, ok bool) {
	if !whole {
		text = bytes.TrimRightFunc(text, barely)
	}
	if s.Of(text, whole); whole {
		return maskJSON(text, s)
	}
	m := newMasker(text, s)
	err := m.value("", false, 0)
	end := int(m.d.InputOffset())
	switch {
	case err == nil && len(bytes.TrimSpace(text[end:])) > 0:
		return "", false, false
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return "", false, false
	}
	out := append(m.out, text[m.copied:end]...)
	if m.open {
		out = append(out, opened(text[end:])...)
	}
	return string(out), m.masked, true
}

// barely reports whether a value without quotes may end in r, so that it may go on.
func barely(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+-._", r)
}

// opened gives what may be kept of a text that is not closed.
func opened(rest []byte) string {
	i := bytes.IndexByte(rest, '"')
	if i < 0 || len(bytes.Trim(rest[:i], " \t\r\n:,")) > 0 {
		return ""
	}
	raw := wholeWords(string(rest[i+1:]))
	var value string
	if json.Unmarshal([]byte(`"`+raw+`"`), &value) != nil || looksLikeJSON([]byte(value)) {
		return ""
	}
	var b Beginning
	if b.text(value, true) || raw == "" || b.Untold != "" {
		return ""
	}
	return string(rest[:i+1]) + raw
}
