package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/dashboard"
	"sallyport.dev/sallyport/dashboard/manual"
	"sallyport.dev/sallyport/dashboard/services"
	"sallyport.dev/sallyport/dashboard/session"
	"sallyport.dev/sallyport/dashboard/spend"
	"sallyport.dev/sallyport/dashboard/views"
	"sallyport.dev/sallyport/gateway/probe"
	"sallyport.dev/sallyport/internal/node/consent"
	"sallyport.dev/sallyport/internal/node/reach"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/vault/mint"
)

var errStarting = errors.New("the gateway is starting")

// newAPI gives the operators' API its view of the node.
func (n *Node) newAPI() (*dashboard.API, error) {
	metrics, err := dashboard.NewMetrics(n.gauges()...)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	if err := metrics.Register(n.meter); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	presets, err := reach.Presets()
	if err != nil {
		return nil, err
	}
	pages, err := manual.New(n.o.Build.Docs)
	if err != nil {
		return nil, err
	}
	tries := reach.New(n.Rules.Current, &probe.Prober{Dialer: n.Gateway.Dialer, Vault: n.Vault, Tries: n.o.Build.Tries, Mask: n.Vault.Mask})
	drafter, book := n.newBook(context.Background())
	a := &dashboard.API{
		Shelf: services.Shelf{Presets: presets, Reach: tries.Reach}, Audience: &session.Audience{}, Sums: n.sums,
		Version: n.o.Version, Started: n.started, Connect: n.consent,
		Book: book, Drafter: drafter, Roster: n.Roster, Desk: n.Desk, Vault: n.Vault, Log: n.Journal, Rules: n.Rules,
		Parts:  []dashboard.Part{spend.Page{Store: n.store, Roles: n.Rules.RolesOf}, &views.Shelf{Store: n.store, Now: time.Now}, pages, n.holding},
		Notice: n.notice, Links: n.links, Seen: n.seen, Status: n.status, Ready: n.ready,
		CA: n.CA.PEM, SecretSet: func() { n.secretSet(); n.Outreach.SecretSet() }, Answers: n.Outreach.Inbox, Judges: n.Outreach.Judges, RotateKey: n.safe.Rotate, Wanted: n.wanted, Fits: n.fits, Backup: n.safe.Backup, Metrics: metrics, Logger: n.o.Log,
	}
	if n.WG != nil {
		a.Config = n.clientConfig
	}
	if n.TS != nil {
		a.Logout = n.TS.Logout
	}
	return a, nil
}

func (n *Node) ready() error {
	if !n.up.Load() {
		return errStarting
	}
	return n.Journal.Health()
}

func (n *Node) status() dashboard.Status {
	p := n.Rules.Current()
	loaded, bad := n.Rules.standing()
	s := dashboard.Status{
		Config: n.o.Config, Loaded: loaded, ConfigError: bad,
		Services: len(p.Services()), Rules: p.RuleCount(), Open: n.Gateway.Open(),
		Warnings: n.Warnings(), Accounts: n.accounts(), Tailnet: n.tailnetStatus(), Dashboard: n.gates.URLs(), Alerts: n.Outreach.AlertsTo(),
	}
	if n.WG != nil {
		v4, _ := n.WG.Gateway()
		s.WireGuard, s.PublicKey, s.Address = n.Endpoint(), n.WG.PublicKey(), v4.String()
	}
	if s.Tailnet != nil {
		s.Warnings = append(s.Warnings, s.Tailnet.Problems...)
	}
	return s
}

// Warnings lists what keeps an allowed action from working, or will.
func (n *Node) Warnings() []string {
	list := n.upkeep.Warnings(n.wanted(), func(name string) bool { return consent.Wants(n.Rules.Current(), name) })
	if last := n.Journal.Stats().Found; last > 0 {
		list = append(list, fmt.Sprintf("the audit log had no signature of this gateway at its start: it vouches for records from number %d on; those up to %d were taken as they were (sallyport audit verify)", last+1, last))
	}
	return append(append(list, n.Rules.live.Stale()...), n.Outreach.Warnings()...)
}

// wanted lists the secrets that the configuration takes.
func (n *Node) wanted() []string {
	return append(append(n.Rules.Current().SecretNames(), n.Outreach.Secrets()...), n.courier.Secrets()...)
}

// fits asks every account that takes a secret.
func (n *Node) fits(name string, value []byte) (err error) {
	n.Rules.Current().EachAccount(func(service string, auth action.Auth) {
		if wrong := mint.Fits(auth, name, value); wrong != nil && err == nil {
			err = fmt.Errorf("%w, and service %s takes it as such", wrong, service)
		}
	})
	return err
}

// accounts lists what is wrong with the accounts of services, as far as sessions
// have shown it, by service.
func (n *Node) accounts() map[string][]string {
	p := n.Rules.Current()
	found := make(map[string][]string)
	for _, s := range p.Services() {
		w, ok := n.Gateway.Protocols[s.Protocol].(protocols.Witness)
		if !ok {
			continue
		}
		if list := w.Warnings(s, p.Users(s.Name)); len(list) > 0 {
			found[s.Name] = list
		}
	}
	return found
}

func (n *Node) gauges() []dashboard.Gauge {
	stats := n.Journal.Stats
	return []dashboard.Gauge{
		{Name: "sallyport_actions_total", Help: "Actions recorded.", Counter: true, Value: func() float64 { return float64(stats().Written) }},
		{Name: "sallyport_audit_queue", Help: "Records that wait to be written.", Value: func() float64 { return float64(stats().Queued) }},
		{Name: "sallyport_audit_missing_total", Help: "Records lost while the store took none; a gap record stands for them.", Counter: true, Value: func() float64 { return float64(stats().Lost) }},
		{Name: "sallyport_forward_behind", Help: "Records that systems which are handed them do not have yet.", Value: n.courier.Behind},
		{Name: "sallyport_approvals_pending", Help: "Asks that wait for a person.", Value: func() float64 { return float64(n.Desk.Pending()) }},
		{Name: "sallyport_open_flows", Help: "Open agent connections.", Value: func() float64 {
			total := 0
			for _, c := range n.Gateway.Open() {
				total += c
			}
			return float64(total)
		}},
		{Name: "sallyport_config_loaded_seconds", Help: "When the rules in force were read, Unix time.", Value: func() float64 {
			loaded, _ := n.Rules.standing()
			return float64(loaded.UnixMilli()) / float64(time.Second/time.Millisecond)
		}},
		{Name: "sallyport_config_rejected", Help: "1 while a changed configuration is not taken.", Value: func() float64 {
			if _, bad := n.Rules.standing(); bad != "" {
				return 1
			}
			return 0
		}},
	}
}

var _ dashboard.Rulebook = (*Rulebook)(nil)

// sums says where the sums of usage are not those of the records.
func (n *Node) sums(ctx context.Context) ([]audit.Problem, error) {
	found, err := n.store.CheckUsage(ctx)
	var list []audit.Problem
	for _, d := range found {
		list = append(list, audit.Problem{Seq: d.Seq, What: d.What})
	}
	return list, err
}
