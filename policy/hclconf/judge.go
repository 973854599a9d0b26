package hclconf

import (
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/policy/hclconf/value"
	"sallyport.dev/sallyport/policy/place"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Defaults and bounds of a judge.
const (
	defaultJudging = 20 * time.Second
	maxJudging     = 5 * time.Minute
	maxVerdictKept = 24 * time.Hour
	maxPrompt      = 64 << 10 // sent with every question
)

// A Judge is a model that is asked before people are.
type Judge struct {
	Name    string
	Service Ref
	API     string // "anthropic" or "openai"
	Path    string
	Host    string // of the service: where the call goes
	Port    uint16
	Model   Str
	Prompt  Str
	Decides bool
	Timeout time.Duration
	Cache   time.Duration
	Range   hcl.Range
}

// URL is where the judge's calls go. They are made over TLS, which the gateway
// itself ends.
func (j *Judge) URL() string {
	host := j.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if j.Port != 443 {
		host = net.JoinHostPort(j.Host, strconv.Itoa(int(j.Port)))
	}
	return "https://" + host + j.Path
}

// Terms says in one line what the judge judges by, so that one declaration is told
// from another.
func (j *Judge) Terms() string {
	h := fnv.New64a()
	fmt.Fprint(h, j.Prompt.Value)
	return fmt.Sprintf("judge %s: %s %s, prompt %x, decides %v", j.Name, j.Service.Name, j.Model.Value, h.Sum64(), j.Decides)
}

func (d *decoder) judge(b *hclsyntax.Block) {
	j := &Judge{Name: d.Identifier(b), Timeout: defaultJudging, Range: b.DefRange()}
	value.With(b.Body, "service", func(e hcl.Expression) { j.Service, _ = d.Ref(e, "service") })
	value.With(b.Body, "model", func(e hcl.Expression) { j.Model = d.Word(e) })
	value.With(b.Body, "prompt", func(e hcl.Expression) {
		if j.Prompt = d.Word(e); len(j.Prompt.Value) > maxPrompt {
			d.Fail(e.Range(), "Too large", "A prompt has at most %d bytes; it is sent with every question.", maxPrompt)
		}
	})
	value.With(b.Body, "may", func(e hcl.Expression) {
		j.Decides = d.OneOf(e, "right of a judge", "deny", "decide").Value == "decide"
	})
	value.With(b.Body, "api", func(e hcl.Expression) { j.API = d.OneOf(e, "API", "anthropic", "openai").Value })
	value.With(b.Body, "path", func(e hcl.Expression) {
		if j.Path = d.Word(e).Value; j.Path != "" && !strings.HasPrefix(j.Path, "/") {
			d.Fail(e.Range(), "Bad path", `A path begins with a slash: "/v1/chat/completions".`)
		}
	})
	value.With(b.Body, "timeout", func(e hcl.Expression) {
		if j.Timeout = d.Duration(e); j.Timeout < time.Second || j.Timeout > maxJudging {
			d.Fail(e.Range(), "Bad timeout", "A judge has a second at least and %s at most.", maxJudging)
		}
	})
	value.With(b.Body, "cache", func(e hcl.Expression) {
		if j.Cache = d.Duration(e); j.Cache > maxVerdictKept {
			d.Fail(e.Range(), "Too long", "A verdict is kept for %s at most.", maxVerdictKept)
		}
	})
	d.Required(b, "service", "service = service.NAME, through which its model is reached")
	d.Required(b, "model", `model = "NAME"`)
	d.Required(b, "prompt", `prompt = file("judges/NAME.md"), what it judges by`)
	d.cfg.Judges = append(d.cfg.Judges, j)
}

// settleJudges finds where the calls of the judges go.
func (d *decoder) settleJudges(services []string) {
	for _, j := range d.cfg.Judges {
		if j.Service.Kind == "" {
			continue
		}
		d.exist([]Ref{j.Service}, services)
		for _, s := range d.cfg.Services {
			if s.Name == j.Service.Name {
				d.settleJudge(j, s)
			}
		}
	}
}

func (d *decoder) settleJudge(j *Judge, s *Service) {
	if s.Protocol.Value != "http" || s.Passthrough.Value {
		d.Fail(j.Service.Range, "Not a model's service", "A judge asks over HTTP that the gateway opens; service %q is not that.", s.Name)
		return
	}
	if s.Auth != nil && len(s.Auth.ByRole) > 0 {
		d.Fail(j.Service.Range, "No account for a judge", "Service %q has an account for each role, and a judge is in none. Give judges a service of their own with the same hosts.", s.Name)
	}
	if j.API == "" {
		j.API = "openai"
		if s.Preset == "anthropic" {
			j.API = "anthropic"
		}
	}
	if j.Path == "" {
		j.Path = map[string]string{"anthropic": "/v1/messages", "openai": "/v1/chat/completions"}[j.API]
	}
	for _, h := range s.Hosts {
		if j.Host, j.Port = address(h.Place); j.Host != "" {
			return
		}
	}
	d.Fail(j.Service.Range, "Nowhere to call", "Service %q names no single host, only patterns; a judge needs one to call.", s.Name)
}

// address gives the one host and port that a place is; "" if it is several.
func address(p place.Place) (host string, port uint16) {
	if port = p.Port; port == 0 {
		port = 443
	}
	switch {
	case p.Kind == place.Name:
		return p.Name, port
	case p.Kind == place.Addr && p.Prefix.IsValid():
		return netip.Addr.String(p.Prefix.Addr()), port
	}
	return "", 0
}
