// Package manifest is what an agent is told of its services: where they are, how to
// authenticate, which variables its clients need, what passes. It knows no rule; the
// policy fills it in.
package manifest

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// A Page tells an agent what it may use, and how.
type Page struct {
	Agent    string    `json:"agent"`
	Roles    []string  `json:"roles"`
	Services []Service `json:"services"`
}

// A Service is one service as an agent needs to know it.
type Service struct {
	Name        string     `json:"name"`
	Protocol    string     `json:"protocol"`
	Description string     `json:"description,omitempty"`
	Hosts       []string   `json:"hosts"`
	Databases   []string   `json:"databases,omitempty"`
	Credential  string     `json:"credential"` // how to authenticate
	Environment []Variable `json:"environment,omitempty"`
	Allowed     []string   `json:"allowed,omitempty"`
	Asked       []string   `json:"asked,omitempty"`
	Denied      []string   `json:"denied,omitempty"`
	Rules       []Rule     `json:"rules,omitempty"`
}

// A Rule is one rule in words.
type Rule struct {
	Name    string `json:"name"`
	Verdict string `json:"verdict"`
	About   string `json:"about"`
	Reason  string `json:"reason,omitempty"`
}

// A Variable is what clients of a service look for in their environment.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Dummy bool   `json:"placeholder,omitempty"` // Value stands in place of a key, and is this agent's alone
}

// Environment gives the variables for clients of a service at a host: those that hold
// a placeholder, and those that say where it is. A host "" is not one.
func Environment(protocol, host string, port uint16, databases, variables []string) []Variable {
	if protocol == "postgres" {
		return postgres(host, port, databases)
	}
	var out []Variable
	for _, name := range variables {
		out = append(out, Variable{Name: name, Dummy: true})
		if host == "" {
			continue
		}
		if v := base(name, host, port); v.Name != "" {
			out = append(out, v)
		}
	}
	return out
}

// base gives the variable by which the clients that take their key from key find
// their server.
func base(key, host string, port uint16) Variable {
	if port != 0 && port != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(int(port)))
	}
	switch key {
	case "OPENAI_API_KEY":
		return Variable{Name: "OPENAI_BASE_URL", Value: "https://" + host + "/v1"}
	case "ANTHROPIC_API_KEY":
		return Variable{Name: "ANTHROPIC_BASE_URL", Value: "https://" + host}
	case "AZURE_OPENAI_API_KEY":
		return Variable{Name: "AZURE_OPENAI_ENDPOINT", Value: "https://" + host}
	case "GITLAB_TOKEN":
		return Variable{Name: "GITLAB_HOST", Value: host}
	}
	return Variable{}
}

func postgres(host string, port uint16, databases []string) []Variable {
	if host == "" {
		return nil
	}
	out := []Variable{{Name: "PGHOST", Value: host}}
	if port != 0 {
		out = append(out, Variable{Name: "PGPORT", Value: strconv.Itoa(int(port))})
	}
	if len(databases) > 0 {
		out = append(out, Variable{Name: "PGDATABASE", Value: databases[0]})
	}
	return append(out, Variable{Name: "PGUSER", Value: "agent"}, Variable{Name: "PGPASSWORD", Value: "any"})
}

// Fill gives every placeholder of the page its value.
func (m Page) Fill(value func(service, variable string) string) Page {
	services := make([]Service, len(m.Services))
	for i, s := range m.Services {
		own := make([]Variable, len(s.Environment))
		for k, v := range s.Environment {
			if v.Dummy {
				v.Value = value(s.Name, v.Name)
			}
			own[k] = v
		}
		s.Environment = own
		services[i] = s
	}
	m.Services = services
	return m
}

// Shell is the environment as a shell reads it. Of two services that want a variable
// the first has it; the other is told of in a comment.
func (m Page) Shell() string {
	var b strings.Builder
	taken := map[string]string{}
	for _, s := range m.Services {
		for _, v := range s.Environment {
			if first, ok := taken[v.Name]; ok {
				fmt.Fprintf(&b, "# %s of %s is %s's already\n", v.Name, s.Name, first)
				continue
			}
			taken[v.Name] = s.Name
			fmt.Fprintf(&b, "export %s='%s'\n", v.Name, strings.ReplaceAll(v.Value, "'", `'\''`))
		}
	}
	return b.String()
}

// Markdown renders the manifest for an agent to read.
func (m Page) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What agent %s may use\n\n", m.Agent)
	if len(m.Services) == 0 {
		b.WriteString("Nothing: no role of this agent uses a service. Ask an operator.\n")
		return b.String()
	}
	b.WriteString("Every connection goes through a gateway that judges each request and statement. " +
		"Secrets are added by the gateway; an agent holds none, and what stands below for a key is a placeholder that is good for nothing elsewhere. A refusal says why and what to do next; " +
		"what asks waits for a person. Use HTTPS remotes for git. Whatever is not listed here is refused.\n")
	for _, s := range m.Services {
		s.markdown(&b)
	}
	return b.String()
}

func (s *Service) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s (%s)\n\n", s.Name, s.Protocol)
	if s.Description != "" {
		fmt.Fprintf(b, "%s\n\n", s.Description)
	}
	line := func(what string, values []string) {
		if len(values) > 0 {
			fmt.Fprintf(b, "- %s: %s\n", what, strings.Join(values, ", "))
		}
	}
	line("Hosts", s.Hosts)
	line("Databases", s.Databases)
	line("Credential", []string{s.Credential})
	for _, v := range s.Environment {
		if v.Value != "" {
			fmt.Fprintf(b, "- Set `%s=%s`\n", v.Name, v.Value)
		}
	}
	line("Allowed", s.Allowed)
	line("Asked first", s.Asked)
	line("Denied", s.Denied)
	for _, r := range s.Rules {
		fmt.Fprintf(b, "- Rule %q (%s): %s", r.Name, r.Verdict, r.About)
		if r.Reason != "" {
			fmt.Fprintf(b, ". %s", r.Reason)
		}
		b.WriteByte('\n')
	}
}
