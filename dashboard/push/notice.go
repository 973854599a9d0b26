package push

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sallyport.dev/sallyport/approval"
)

// A Notice is what a browser shows: on a lock screen, to whoever walks by. It says
// which agent asks, what kind of thing and where, in words that the gateway and its
// configuration have; what exactly is asked stands behind the login.
type Notice struct {
	Title string `json:"title"`
	Body  string `json:"body"`
	URL   string `json:"url"` // of a page of the dashboard, without its host
	Tag   string `json:"tag"` // a later notice of the same tag takes its place
}

// maxWord bounds a name on a lock screen.
const maxWord = 64

// verbs are the first words of a summary that may be shown. Any other an agent may
// have made up.
func verbs() []string {
	return []string{
		"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "CONNECT",
		"SELECT", "INSERT", "UPDATE", "MERGE", "COPY", "CREATE", "ALTER", "DROP", "TRUNCATE", "GRANT", "REVOKE", "CALL", "EXECUTE",
	}
}

// verbOf gives the first word of a summary if it may be shown.
func verbOf(summary string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(summary), " ")
	if word = strings.ToUpper(strings.TrimRight(word, ";")); slices.Contains(verbs(), word) {
		return word + " "
	}
	return ""
}

// notice words what waits for one person; there is at least one.
func notice(waiting []approval.Request) Notice {
	first := waiting[0]
	agent := plain(first.Agent, maxWord)
	if len(waiting) > 1 {
		return Notice{Title: fmt.Sprintf("%d asks wait", len(waiting)), Body: agent + " and others", URL: "/approvals", Tag: "asks"}
	}
	n := Notice{Title: agent + " asks", Body: verbOf(first.Summary) + plain(first.Service, maxWord), URL: "/approvals/" + first.ID, Tag: first.ID}
	if first.Kind == approval.KindService {
		n.Title, n.Body = agent+" asks for a service", "A host that none is declared for"
	}
	return n
}

// trial is what somebody gets who tries whether it works.
func trial() Notice {
	return Notice{Title: "Sallyport", Body: "Asks will be shown here.", URL: "/approvals", Tag: "trial"}
}

func (n Notice) encode() ([]byte, error) {
	b, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("word a notice: %w", err)
	}
	return b, nil
}
