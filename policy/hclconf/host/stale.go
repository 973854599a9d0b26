package host

import "slices"

// Stale names the settings of the block that a gateway runs with since its start and
// which now says differently: they are taken at the next start only.
func (g Gateway) Stale(now Gateway) []string {
	var names []string
	differs := func(is bool, name string) {
		if is {
			names = append(names, name)
		}
	}
	differs(g.Name != now.Name, "name")
	differs(g.StateDir != now.StateDir, "state_dir")
	differs(g.Key.plain() != now.Key.plain() || (g.Key.Transit == nil) != (now.Key.Transit == nil), "key")
	differs(!g.Wireguard.like(now.Wireguard), "wireguard")
	differs(!g.Tailnet.like(now.Tailnet), "tailnet")
	differs(!g.Dashboard.like(now.Dashboard), "dashboard")
	differs(!slices.Equal(g.Resolvers, now.Resolvers), "dns")
	differs(g.Record.Keep != now.Record.Keep, "record.keep")
	differs(g.Record.Strict != now.Record.Strict, "record.strict")
	differs(g.Limits.ConnectionsPerAgent != now.Limits.ConnectionsPerAgent, "limits.connections_per_agent")
	differs(g.Limits.Memory != now.Limits.Memory, "limits.memory")
	return names
}

func (k KeySource) plain() KeySource {
	k.Transit = nil
	return k
}

func (w *Wireguard) like(other *Wireguard) bool {
	if w == nil || other == nil {
		return w == other
	}
	return w.Listen == other.Listen && w.Subnet == other.Subnet
}

func (t *Tailnet) like(other *Tailnet) bool {
	if t == nil || other == nil {
		return t == other
	}
	return t.Hostname == other.Hostname && t.ControlURL == other.ControlURL && t.ExitNode == other.ExitNode && slices.Equal(t.Tags, other.Tags)
}

func (d *Dashboard) like(other *Dashboard) bool {
	if d == nil || other == nil {
		return d == other
	}
	return d.Listen == other.Listen
}
