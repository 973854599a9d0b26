// Package fetch makes of what the configuration says about the place of a secret
// that which fetches it. It is here because it may start programs and reach out.
package fetch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/answer"
	"sallyport.dev/sallyport/vault/remote"
)

// Bounds of a program that prints a secret.
const (
	runTimeout = 10 * time.Second
	maxPrinted = 64 << 10
	// A child may keep the pipe. On a machine that stands still, what was printed is read
	// a while after the program has ended.
	pipeGrace = 5 * time.Second
)

// Remote gives what fetches the secret, and what tells it from another place; nil
// if it is sealed, or read from the environment or a file.
func Remote(s *policy.SecretConfig) (_ vault.Remote, spec string, err error) {
	c := client()
	if s.Vault != nil {
		if c, err = answer.Trust(c, s.Vault.CA); err != nil {
			return nil, "", fmt.Errorf("secret %s: %w", s.Name, err)
		}
	}
	var r vault.Remote
	switch v := s.Vault; {
	case len(s.Exec) > 0:
		r = program(s.Exec)
	case v != nil:
		r = &remote.Hashi{Client: c, Address: v.Address, Namespace: v.Namespace, Path: v.Path, Field: v.Field, Login: remote.HashiLogin{
			Mount: v.Mount, TokenFile: v.TokenFile, Role: v.Role, JWTFile: v.JWTFile, RoleID: v.RoleID, SecretIDFile: v.SecretIDFile,
		}}
	case s.AWS != "":
		if _, _, err := remote.ParseARN(s.AWS); err != nil {
			return nil, "", fmt.Errorf("secret %s: %w", s.Name, err)
		}
		r = &remote.AWS{Client: c, ARN: s.AWS}
	case s.GCP != "":
		r = &remote.Google{Client: c, Name: s.GCP}
	default:
		return nil, "", nil
	}
	b, err := json.Marshal([]any{s.Exec, s.Vault, s.AWS, s.GCP})
	return r, string(b), err
}

// client asks stores. It follows nobody elsewhere: a redirect would take a token
// along.
func client() *http.Client {
	return &http.Client{
		Transport:     http.DefaultTransport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// A program prints a secret. It runs without a shell, and of the environment it
// gets PATH and HOME only.
type program []string

func (p program) String() string { return "exec " + p[0] }

// Fetch runs the program and gives what it prints, without the line end.
func (p program) Fetch(ctx context.Context) (vault.Fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, p[0], p[1:]...) //nolint:gosec // the host's configuration names it
	for _, name := range []string{"PATH", "HOME"} {
		cmd.Env = append(cmd.Env, name+"="+os.Getenv(name))
	}
	cmd.WaitDelay = pipeGrace
	var out, errs limited
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return vault.Fetched{}, fmt.Errorf("%s: it took longer than %s", p[0], runTimeout)
		}
		return vault.Fetched{}, fmt.Errorf("%s: %w%s", p[0], err, said(errs.kept.Bytes()))
	}
	if out.over {
		return vault.Fetched{}, fmt.Errorf("%s: it prints more than %d bytes", p[0], maxPrinted)
	}
	value := bytes.TrimSuffix(bytes.TrimSuffix(out.kept.Bytes(), []byte("\n")), []byte("\r"))
	if len(value) == 0 {
		return vault.Fetched{}, fmt.Errorf("%s: %w", p[0], errNothing)
	}
	return vault.Fetched{Value: value}, nil
}

var errNothing = errors.New("it prints nothing")

// said gives the last line of what a program complains of.
func said(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return fmt.Sprintf(": %.200q", last)
	}
	return ""
}

// limited keeps the first bytes that are written to it.
type limited struct {
	kept bytes.Buffer // not embedded: its ReadFrom knows no bound
	over bool
}

func (l *limited) Write(b []byte) (int, error) {
	if room := maxPrinted - l.kept.Len(); len(b) > room {
		l.over = true
		l.kept.Write(b[:room])
		return len(b), nil
	}
	return l.kept.Write(b)
}
