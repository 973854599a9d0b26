package call

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"sallyport.dev/sallyport/action"
)

// MaxCommands bounds the part of a push that says which refs it changes.
const MaxCommands = 64 << 10

const (
	fetch = "upload-pack"
	push  = "receive-pack"
)

// Git is one request of git's smart protocol over HTTP (gitprotocol-http).
type Git struct {
	Service string   `json:"service"`           // "upload-pack" to fetch, "receive-pack" to push
	Repo    string   `json:"repo"`              // its path, without .git
	Refs    []string `json:"refs,omitempty"`    // that a push changes, in full
	Deletes []string `json:"deletes,omitempty"` // those it removes
	Options []string `json:"options,omitempty"` // that a push hands to the server's hooks
	Creates bool     `json:"creates,omitempty"` // one is new
	Moves   bool     `json:"moves,omitempty"`   // one is moved, which may rewrite its history
	Asks    bool     `json:"asks,omitempty"`    // it only asks which refs there are
	Read    bool     `json:"read,omitempty"`    // the push was read
	Unclear bool     `json:"unclear,omitempty"`

	next     *Git // what was read of an unfinished push
	used     int  // bytes of it
	announce bool // options follow the commands
	options  bool // they have begun
}

// GitOf reads the request line of a request; service is the parameter of that name.
// Of anything else everything is unclear.
func GitOf(path, service string) *Git {
	repo, rest := cutGit(path)
	g := &Git{Repo: strings.TrimSuffix(repo, ".git"), Asks: rest == "info/refs", Service: strings.TrimPrefix(rest, "git-")}
	if g.Asks {
		g.Service = strings.TrimPrefix(service, "git-")
	}
	if g.Service != fetch && g.Service != push || !fits(g.Repo) {
		return &Git{Unclear: true}
	}
	return g
}

// cutGit parts the path of a repository from what is asked of it.
func cutGit(path string) (repo, rest string) {
	for _, rest := range []string{"info/refs", "git-" + fetch, "git-" + push} {
		if repo, ok := strings.CutSuffix(path, "/"+rest); ok {
			return strings.TrimPrefix(repo, "/"), rest
		}
	}
	return "", ""
}

// Pushes reports whether the body says which refs are changed.
func (g *Git) Pushes() bool { return g != nil && g.Service == push && !g.Asks }

// Commands takes in the beginning of a push. It is false if more of the body is
// needed; then head must grow, and what was read of it is not read again.
func (g *Git) Commands(head []byte, whole bool) (done bool) {
	if g.next == nil {
		g.next = &Git{Service: g.Service, Repo: g.Repo, Read: true}
	}
	for {
		line, rest, state := packetLine(head[g.used:])
		switch {
		case state == action.Pending && !whole && len(head) <= MaxCommands:
			return false
		case state == action.Absent && g.next.announce && !g.next.options: // flush: the commands are over
			g.next.options = true
		case state == action.Absent: // and so is the list of options, if there is one
			*g = *g.next
			g.announce, g.options = false, false
			return true
		case state != action.Known || !g.next.line(line):
			*g = Git{Service: g.Service, Repo: g.Repo, Read: true, Unclear: true}
			return true
		}
		g.used = len(head) - len(rest)
	}
}

// packetLine cuts the first line off (gitprotocol-common). It is absent at a flush,
// and pending if not all of it has come.
func packetLine(b []byte) (line, rest []byte, s action.State) {
	if len(b) < 4 {
		return nil, nil, action.Pending
	}
	n, err := strconv.ParseUint(string(b[:4]), 16, 16)
	switch {
	case err != nil || n > 0 && n < 5:
		return nil, nil, action.Unknown
	case n == 0:
		return nil, b[4:], action.Absent
	case int(n) > len(b):
		return nil, nil, action.Pending
	}
	return b[4:n], b[n:], action.Known
}

// line takes in a command, or an option (gitprotocol-pack).
func (g *Git) line(line []byte) bool {
	if !g.options {
		return g.command(line)
	}
	text := strings.TrimSuffix(string(line), "\n")
	if !fits(text) || len(g.Options) == maxWords {
		return false
	}
	g.Options = append(g.Options, text)
	return true
}

// command takes in "OLD NEW REF" (gitprotocol-pack). A signed push is not read.
func (g *Git) command(line []byte) bool {
	text, capabilities, _ := bytes.Cut(line, []byte{0})
	g.announce = g.announce || slices.Contains(strings.Fields(string(capabilities)), "push-options")
	f := strings.Split(strings.TrimSuffix(string(text), "\n"), " ")
	if len(f) == 2 && f[0] == "shallow" && isHash(f[1]) {
		return true
	}
	if len(f) != 3 || !isHash(f[0]) || len(f[0]) != len(f[1]) || !isHash(f[1]) || !fits(f[2]) || len(g.Refs) == maxWords {
		return false
	}
	g.Refs = append(g.Refs, f[2])
	switch none := strings.Repeat("0", len(f[0])); {
	case f[1] == none:
		g.Deletes = append(g.Deletes, f[2])
	case f[0] == none:
		g.Creates = true
	default:
		g.Moves = true
	}
	return true
}

func isHash(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// Word gives one of the texts of the request line.
func (g *Git) Word(get func(*Git) string) (string, action.State) {
	switch {
	case g == nil:
		return "", action.Absent
	case g.Service == "":
		return "", action.Unknown
	}
	return get(g), action.Known
}

// List gives the refs that a push names; pending until it was read.
func (g *Git) List(get func(*Git) []string, unread bool) ([]string, action.State) {
	switch {
	case g == nil, g.Service != "" && !g.Pushes():
		return nil, action.Absent
	case g.Unclear:
		return nil, action.Unknown
	case !g.Read && unread:
		return nil, action.Pending
	case !g.Read:
		return nil, action.Unknown
	case len(get(g)) == 0:
		return nil, action.Absent
	}
	return get(g), action.Known
}

// Effects says what it does: to fetch reads, a new ref is written, one that is removed is destroyed,
// and of one that is moved nobody can tell whether its history stays.
func (g *Git) Effects(unread bool) (action.Effects, action.State) {
	switch {
	case g == nil || g.Unclear:
		return 0, action.Unknown
	case !g.Pushes():
		return action.EffectRead, action.Known
	case !g.Read && unread:
		return 0, action.Pending
	case !g.Read:
		return 0, action.Unknown
	}
	e := action.EffectRead
	if len(g.Refs) > 0 {
		e = 0
	}
	if len(g.Deletes) > 0 {
		e |= action.EffectDestructive
	}
	if g.Moves {
		e |= action.EffectUnknown
	}
	if g.Creates || len(g.Refs) > len(g.Deletes) && !g.Moves {
		e |= action.EffectWrite
	}
	return e, action.Known
}
