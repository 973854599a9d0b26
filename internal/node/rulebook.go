package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy"
	"sallyport.dev/sallyport/vault"
)

// watchEvery is how often the configuration's files are looked at.
const watchEvery = time.Second

// A Rulebook holds the policy in force and replaces it when its files change.
type Rulebook struct {
	o       Options
	live    policy.Live
	prepare func(context.Context, *policy.Policy) error // before the rules come into force; an error keeps the old ones
	changed func()                                      // after

	mu     sync.Mutex
	loaded time.Time // guarded by mu
	err    string    // why the last change was not taken; guarded by mu
}

// loadRules reads a configuration for the first time.
func loadRules(o Options) (*Rulebook, error) {
	b := &Rulebook{o: o, loaded: time.Now(), changed: func() {}, prepare: func(context.Context, *policy.Policy) error { return nil }}
	p, files, diags := policy.Load(o.Config, o.Build.Policy)
	if err := policy.WriteDiagnostics(o.Errs, files, diags, false); err != nil {
		return nil, fmt.Errorf("report on %s: %w", o.Config, err)
	}
	if p == nil {
		return nil, fmt.Errorf("%s: %w", o.Config, ErrConfig)
	}
	b.live.Swap(p)
	return b, nil
}

// Current is the policy in force.
func (b *Rulebook) Current() *policy.Policy { return b.live.Current() }

// watch reads the configuration again when a file of it changes, or when asked
// to. On any error the rules in force stay. It also has open connections judged
// again when an hour or an end that the rules name has come.
func (b *Rulebook) watch(ctx context.Context) error {
	seen := b.fingerprint()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	turn := b.Current().NextChange(time.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.o.Reload:
			seen = ""
		case now := <-tick.C:
			if !turn.IsZero() && now.After(turn) {
				b.changed()
				turn = b.Current().NextChange(now)
			}
		}
		if now := b.fingerprint(); now != seen {
			seen = now
			b.Reload(ctx)
			turn = b.Current().NextChange(time.Now())
		}
	}
}

// Reload builds the new rules wholly before the old ones go.
func (b *Rulebook) Reload(ctx context.Context) {
	p, files, diags := policy.Load(b.o.Config, b.o.Build.Policy)
	if p == nil {
		var text bytes.Buffer
		policy.WriteDiagnostics(&text, files, diags, false) //nolint:errcheck // a Buffer takes everything
		b.note(text.String())
		b.o.Log.Error("the changed configuration is not taken; the rules in force stay", "config", b.o.Config, "err", diags.Error())
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

// fingerprint tells one state of the configuration's files from another.
func (b *Rulebook) fingerprint() string {
	var out bytes.Buffer
	err := filepath.WalkDir(b.o.Config, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	if err != nil {
		fmt.Fprintf(&out, "%v\n", err)
	}
	return out.String()
}

// sources lists the secrets that a configuration takes from elsewhere.
func sources(p *policy.Policy) []vault.Source {
	var list []vault.Source
	for _, s := range p.Secrets() {
		list = append(list, vault.Source{Name: s.Name, Env: s.Env, File: s.File})
	}
	return list
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
