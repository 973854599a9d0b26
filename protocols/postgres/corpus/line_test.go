package corpus

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A line is one thing to try, as testdata has it: tab-separated fields
//
//	guarded/read_only  proof  settings  text  why
//
// Settings are what the session was brought to before ("-": nothing). A text that
// begins with a double quote, which no statement does, is written as Go writes
// strings. {dir}, {conn}, {port} and {victim} stand for what differs from run to run.
type line struct {
	at       string // file:line
	guarded  string // allow, ask or deny
	readOnly string
	outside  bool     // it is proved outside of a transaction, or makes its own
	proof    []string // kinds of effects, or one word
	settings string
	text     string
	why      string
}

// What a line may prove. An effect is seen on the server; each of the words says
// why there is none.
var (
	effects = []string{
		"rows",       // the answer holds what rules keep back
		"data",       // rows of tables changed, or were locked
		"catalog",    // objects, grants, statistics or large objects of the database
		"cluster",    // roles, databases, slots, settings of the server
		"sequence",   // a sequence moved
		"setting",    // the session's settings, role or transaction mode
		"lock",       // locks that hold others back
		"notify",     // another session was told something
		"file",       // files of the server
		"backend",    // another session was ended
		"statistics", // counters of the server were reset
		"checkpoint", "wal", "time",
	}
	words = []string{
		"clean",   // nothing changed, and nothing kept back was shown
		"opaque",  // nothing on the server shows it; why tells
		"unread",  // the server rejects the text too
		"reaches", // the server's error shows that only its state kept it back
		"known",   // it passes though it does what it should not: why names the belt
	}
)

// weak kinds change by themselves at times; they count only where they are proof.
var weak = []string{"checkpoint", "wal", "time"}

// steers are the effects that an allowed line may have: they end with the session.
var steers = []string{"setting"}

// load reads the corpus.
func load(t *testing.T) map[string][]line {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	all := map[string][]line{}
	seen := map[string]string{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		for i, row := range strings.Split(string(b), "\n") {
			if row == "" || strings.HasPrefix(row, "#") {
				continue
			}
			at := fmt.Sprintf("%s:%d", filepath.Base(path), i+1)
			l, err := parse(at, row)
			if err != nil {
				t.Fatalf("%s: %v", at, err)
			}
			key := l.settings + "\x00" + l.text
			if before := seen[key]; before != "" {
				t.Fatalf("%s: the same as %s", at, before)
			}
			seen[key] = at
			all[name] = append(all[name], l)
		}
	}
	return all
}

// parse reads one line and refuses what is malformed or proves nothing.
func parse(at, row string) (line, error) {
	fields := strings.Split(row, "\t")
	if len(fields) != 5 {
		return line{}, fmt.Errorf("%d fields, want 5", len(fields))
	}
	for _, f := range fields {
		if f == "" || f != strings.TrimSpace(f) {
			return line{}, fmt.Errorf("the field %q is empty or padded", f)
		}
	}
	l := line{at: at, settings: fields[2], text: fields[3], why: fields[4]}
	var ok bool
	if l.guarded, l.readOnly, ok = strings.Cut(fields[0], "/"); !ok {
		return line{}, fmt.Errorf("%q is not guarded/read_only", fields[0])
	}
	for _, v := range []string{l.guarded, l.readOnly} {
		if v != "allow" && v != "ask" && v != "deny" {
			return line{}, fmt.Errorf("%q is no verdict", v)
		}
	}
	var proof string
	proof, l.outside = strings.CutPrefix(fields[1], "!")
	l.proof = strings.Split(proof, ",")
	if l.settings == "-" {
		l.settings = ""
	}
	if strings.HasPrefix(l.text, `"`) {
		text, err := strconv.Unquote(l.text)
		if err != nil {
			return line{}, fmt.Errorf("the text: %w", err)
		}
		l.text = text
	}
	if len(l.why) < 5 {
		return line{}, fmt.Errorf("%q is no reason", l.why)
	}
	return l, l.sound()
}

// sound holds the proof of a line against its verdicts.
func (l *line) sound() error {
	for _, p := range l.proof {
		word, _, coded := strings.Cut(p, ":")
		single := slices.Contains(words, word)
		switch {
		case !single && !slices.Contains(effects, p):
			return fmt.Errorf("%q is no proof", p)
		case single && len(l.proof) > 1 && word != "known":
			return fmt.Errorf("%q stands alone or not at all", p)
		case (word == "unread" || word == "reaches") != coded:
			return fmt.Errorf("%q: unread and reaches name a SQLSTATE, others do not", p)
		}
	}
	first, _, _ := strings.Cut(l.proof[0], ":")
	passes := l.guarded == "allow" || l.readOnly == "allow"
	refused := l.guarded != "allow" || l.readOnly != "allow"
	switch {
	case first == "known" && (!passes || len(l.proof) < 2):
		return fmt.Errorf("known is for what passes, with what it does")
	case first == "clean" && refused:
		return fmt.Errorf("it is refused and does nothing: that proves nothing, say opaque and why")
	case first == "clean", first == "known", refused:
		return nil
	}
	for _, p := range l.proof {
		if !slices.Contains(steers, p) {
			return fmt.Errorf("it is allowed with the effect %s", p)
		}
	}
	return nil
}

func TestALineThatProvesNothingIsRefused(t *testing.T) {
	for row, want := range map[string]string{
		"deny/deny\tdata\t-\tDELETE FROM log":                    "4 fields",
		"deny/deny\tdata\t-\tDELETE FROM log\t":                  "empty or padded",
		"deny\tdata\t-\tDELETE FROM log\tit deletes":             "not guarded/read_only",
		"deny/no\tdata\t-\tDELETE FROM log\tit deletes":          `"no" is no verdict`,
		"deny/deny\tmagic\t-\tDELETE FROM log\tit deletes":       "no proof",
		"deny/deny\tdata,opaque\t-\tDELETE FROM log\tit deletes": "stands alone",
		"deny/deny\tunread\t-\tDELETE FROM\tit deletes":          "SQLSTATE",
		"deny/deny\tdata\t-\tDELETE FROM log\tno":                "no reason",
		"deny/deny\tclean\t-\tSELECT 1\tit is refused":           "proves nothing",
		"deny/deny\tknown,data\t-\tDELETE FROM log\tit deletes":  "for what passes",
		"allow/allow\tdata\t-\tDELETE FROM log\tit deletes":      "allowed with the effect",
		"allow/allow\tknown\t-\tSELECT wipe()\tit deletes":       "with what it does",
		"deny/deny\tdata\t-\t\"DELETE\tit deletes":               "the text",
	} {
		if _, err := parse("x:1", row); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", row, err, want)
		}
	}
	l, err := parse("x:1", "deny/deny\t!data,file\tBEGIN\t\"DELETE\\n\"\tit deletes")
	if err != nil || l.text != "DELETE\n" || !l.outside || len(l.proof) != 2 {
		t.Errorf("%+v, %v", l, err)
	}
}
