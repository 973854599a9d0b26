package value

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"sallyport.dev/sallyport/policy/literal"

	"github.com/hashicorp/hcl/v2"
)

// A Notice says where people are told: in a channel of Slack, or by a webhook.
type Notice struct {
	Slack  string // "#agents", or the id of a channel
	URL    string
	Secret string // that signs the webhook
	Range  hcl.Range
}

const maxNotices = 16

// slackChannel is a name, or an id (which stays when the channel is renamed).
var slackChannel = regexp.MustCompile(`^(#[\p{L}\p{N}_-]{1,80}|[CG][A-Z0-9]{6,20})$`)

// Notices reads notify. Nothing that an agent sends adds to it.
func (r *Reader) Notices(e hcl.Expression) []Notice {
	items, bare := literal.Elements(e)
	if bare {
		items = []hcl.Expression{e}
	}
	if len(items) == 0 || len(items) > maxNotices {
		r.Fail(e.Range(), "Bad list", "notify names at least one place and at most %d.", maxNotices)
		return nil
	}
	var list []Notice
	for _, item := range items {
		n, ok := r.notice(item)
		if !ok {
			continue
		}
		for _, o := range list {
			if o.Slack == n.Slack && o.URL == n.URL {
				r.Fail(item.Range(), "Stated twice", "This stands in the list already.")
			}
		}
		list = append(list, n)
	}
	return list
}

func (r *Reader) notice(e hcl.Expression) (Notice, bool) {
	name, args, ok := literal.Call(e)
	switch {
	case ok && name == "slack" && len(args) == 1:
		s := r.Word(args[0])
		if s.Stated() && !slackChannel.MatchString(s.Value) {
			r.Fail(args[0].Range(), "Bad channel", `%q is no channel of Slack; write "#name" or its id, like "C024BE91L".`, s.Value)
			return Notice{}, false
		}
		return Notice{Slack: s.Value, Range: e.Range()}, s.Stated()
	case ok && name == "webhook" && len(args) == 2:
		s := r.Word(args[0])
		key, fine := r.Ref(args[1], "secret")
		if s.Stated() {
			if why := receiver(s.Value); why != "" {
				r.Fail(args[0].Range(), "Bad address", "%q is no address for a webhook: %s.", s.Value, why)
				return Notice{}, false
			}
		}
		return Notice{URL: s.Value, Secret: key.Name, Range: e.Range()}, s.Stated() && fine
	}
	r.Fail(e.Range(), "Nobody to tell", `Write slack("#channel"), or webhook("https://hooks.acme.dev/sallyport", secret.hook_key).`)
	return Notice{}, false
}

// receiver says what is wrong with the address of a webhook; "": nothing. A body
// says what an agent does, so it travels in the clear on this host only.
func receiver(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" {
		return "write all of it, like https://hooks.acme.dev/sallyport"
	}
	if u.User != nil || u.Fragment != "" {
		return "it takes no user and no fragment; the message is signed instead"
	}
	local := strings.EqualFold(u.Hostname(), "localhost")
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		local = a.IsLoopback()
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return "it begins with https://, or with http:// on this host itself"
	}
	return ""
}
