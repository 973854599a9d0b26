package node

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/node/files"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/policy/edit/disk"
	"sallyport.dev/sallyport/vault"
)

// A Rulebook holds the policy in force and replaces it when its files change.
type Rulebook struct {
	o       Options
	live    policy.Live
	prepare func(context.Context, *policy.Policy) error // before the rules come into force; an error keeps the old ones
	changed func()                                      // after
	noticed func(context.Context)                       // after what stands in the files was read, and taken

	files   *files.Set
	first   string     // the print of what was read first
	loading sync.Mutex // one Reload at a time

	mu     sync.Mutex
	loaded time.Time // guarded by mu
	err    string    // why the last change was not taken; guarded by mu
}

// loadRules reads a configuration for the first time.
func loadRules(o Options) (*Rulebook, error) {
	b := &Rulebook{o: o, files: files.At(o.Config), loaded: time.Now(), changed: func() {}, noticed: func(context.Context) {}, prepare: func(context.Context, *policy.Policy) error { return nil }}
	if err := disk.Recover(o.Config); err != nil {
		return nil, err
	}
	p, texts, diags := policy.Load(o.Config, o.Build.Policy)
	b.remember(texts)
	b.first = b.files.Print()
	safe, said := policy.Veiled(texts, diags)
	if err := policy.WriteDiagnostics(o.Errs, safe, said, false); err != nil {
		return nil, fmt.Errorf("report on %s: %w", o.Config, err)
	}
	if p == nil {
		return nil, fmt.Errorf("%s: %w", o.Config, ErrConfig)
	}
	b.live.Swap(p)
	return b, nil
}

// remember notes which files a configuration was made of; nil: none was read.
func (b *Rulebook) remember(texts *policy.Files) {
	if texts != nil {
		b.files.Remember(texts.Paths())
	}
}

// Current is the policy in force.
func (b *Rulebook) Current() *policy.Policy { return b.live.Current() }

// Reload builds the new rules wholly before the old ones go. Files that somebody
// writes meanwhile are not taken: half of a configuration may be one, too.
func (b *Rulebook) Reload(ctx context.Context) {
	b.loading.Lock()
	defer b.loading.Unlock()
	before := b.files.Print()
	p, texts, diags := policy.Load(b.o.Config, b.o.Build.Policy)
	if b.files.Print() != before {
		b.o.Log.Info("the configuration is being written; it is read when that is over", "config", b.o.Config)
		return
	}
	b.remember(texts)
	if p == nil {
		var text bytes.Buffer
		safe, said := policy.Veiled(texts, diags)         // viewers read it, and whoever keeps logs
		policy.WriteDiagnostics(&text, safe, said, false) //nolint:errcheck // a Buffer takes everything
		b.note(text.String())
		b.o.Log.Error("the changed configuration is not taken; the rules in force stay", "config", b.o.Config, "err", said.Error())
		return
	}
	if err := b.prepare(ctx, p); err != nil {
		b.note(err.Error())
		b.o.Log.Error("the changed configuration is not taken; the rules in force stay", "config", b.o.Config, "err", err)
		return
	}
	b.live.Swap(p)
	b.note("")
	b.changed()
	b.o.Log.Info("configuration taken", "config", b.o.Config, "services", len(p.Services()), "rules", p.RuleCount())
}

func (b *Rulebook) note(err string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	if err == "" {
		b.loaded = time.Now()
	}
}

// standing says when the rules in force were read, and why later ones were not
// taken.
func (b *Rulebook) standing() (loaded time.Time, err string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.loaded, b.err
}

// sources lists the secrets that a configuration takes from elsewhere.
func (n *Node) sources(p *policy.Policy) ([]vault.Source, error) {
	var list []vault.Source
	for _, s := range p.Secrets() {
		if s.Sealed() {
			continue
		}
		src := vault.Source{Name: s.Name, Env: s.Env, File: s.File, Refresh: s.Refresh}
		if n.o.Build.Remote != nil {
			var err error
			if src.Remote, src.Spec, err = n.o.Build.Remote(&s); err != nil {
				return nil, err
			}
		}
		if src.Env == "" && src.File == "" && src.Remote == nil {
			return nil, fmt.Errorf("secret %s: this build fetches nothing", s.Name)
		}
		list = append(list, src)
	}
	return list, nil
}

// Roles lists the roles of the rules in force.
func (b *Rulebook) Roles() []string { return b.Current().RoleNames() }

// Manifest says what an agent may use now.
func (b *Rulebook) Manifest(p *action.Peer) (string, any) {
	m := b.Current().Manifest(p)
	return m.Markdown(), m
}

// RolesOf lists the roles that an agent is in now.
func (b *Rulebook) RolesOf(p *action.Peer) []string { return b.Current().Roles(p) }

func (b *Rulebook) declares(p *action.Peer, name string) (declared, wildcard bool) {
	return b.Current().Declares(p, name)
}
