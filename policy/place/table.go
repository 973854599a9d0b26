package place

import (
	"net/netip"
	"slices"
	"strings"
)

// A Claim is a place that an owner, a small number, declares.
type Claim struct {
	Place
	Owner    int
	Defaults []uint16 // the ports a place without one means
}

// covers reports whether the claim means the port, and whether it states it.
func (c *Claim) covers(port uint16) (covered, stated bool) {
	if c.Port != 0 {
		return c.Port == port, true
	}
	return slices.Contains(c.Defaults, port), false
}

// Ports lists the ports the claim means.
func (c *Claim) Ports() []uint16 {
	if c.Port != 0 {
		return []uint16{c.Port}
	}
	return c.Defaults
}

// A Table finds the claims that a destination belongs to. It is immutable.
type Table struct {
	names    map[string][]Claim
	suffixes map[string][]Claim
	addrs    map[netip.Addr][]Claim
	nets     []claimedNet // longest first
	any      []Claim
}

type claimedNet struct {
	prefix netip.Prefix
	claims []Claim
}

// NewTable builds a Table.
func NewTable(claims []Claim) *Table {
	t := &Table{names: map[string][]Claim{}, suffixes: map[string][]Claim{}, addrs: map[netip.Addr][]Claim{}}
	nets := map[netip.Prefix][]Claim{}
	for _, c := range claims {
		switch c.Kind {
		case Name:
			t.names[c.Name] = append(t.names[c.Name], c)
		case Suffix:
			t.suffixes[c.Name] = append(t.suffixes[c.Name], c)
		case Addr:
			a := c.Prefix.Addr()
			t.addrs[a] = append(t.addrs[a], c)
		case Net:
			nets[c.Prefix] = append(nets[c.Prefix], c)
		case Any:
			t.any = append(t.any, c)
		}
	}
	for p, c := range nets {
		t.nets = append(t.nets, claimedNet{p, c})
	}
	slices.SortFunc(t.nets, func(a, b claimedNet) int {
		if d := b.prefix.Bits() - a.prefix.Bits(); d != 0 {
			return d
		}
		return a.prefix.Addr().Compare(b.prefix.Addr())
	})
	return t
}

// A Dest is a destination in canonical form. Name is empty when the agent
// dialled an address; Addr is invalid when it is a virtual one or not known.
type Dest struct {
	Name string
	Addr netip.Addr
	Port uint16
}

// Find gives the owners of the most specific claims on d: exact name, longest
// suffix, address, longest network, "*"; at each a stated port before none.
func (t *Table) Find(d Dest) []int {
	named := false
	if d.Name != "" {
		if owners, known := pick(t.names[d.Name], d.Port); known {
			named = true
			if owners != nil {
				return owners
			}
		}
		for rest := d.Name; ; {
			_, parent, ok := strings.Cut(rest, ".")
			if !ok {
				break
			}
			rest = parent
			owners, known := pick(t.suffixes[rest], d.Port)
			named = named || known
			if owners != nil {
				return owners
			}
		}
	}
	if d.Addr.IsValid() {
		if owners := t.findAddr(d); owners != nil {
			return owners
		}
	}
	if d.Name == "" || named || !Public(d.Name) {
		return nil
	}
	owners, _ := pick(t.any, d.Port)
	return owners
}

func (t *Table) findAddr(d Dest) []int {
	if owners, _ := pick(t.addrs[d.Addr], d.Port); owners != nil {
		return owners
	}
	for i := range t.nets {
		if !t.nets[i].prefix.Contains(d.Addr) {
			continue
		}
		if owners, _ := pick(t.nets[i].claims, d.Port); owners != nil {
			return owners
		}
	}
	return nil
}

// Named reports whether a claim of the table covers a name and port. It does not
// allocate for a canonical name.
func (t *Table) Named(name string, port uint16) bool {
	name, err := Canonical(name)
	if err != nil {
		return false
	}
	for rest, claims := name, t.names[name]; ; claims = t.suffixes[rest] {
		for i := range claims {
			if covered, _ := claims[i].covers(port); covered {
				return true
			}
		}
		_, parent, ok := strings.Cut(rest, ".")
		if !ok {
			break
		}
		rest = parent
	}
	for i := range t.any {
		if covered, _ := t.any[i].covers(port); covered && Public(name) {
			return true
		}
	}
	return false
}

// pick gives the owners of those claims that mean the port, a stated port before
// none; known reports whether there are claims at all.
func pick(claims []Claim, port uint16) (owners []int, known bool) {
	var stated, meant []int
	for i := range claims {
		covered, explicit := claims[i].covers(port)
		switch {
		case covered && explicit:
			stated = append(stated, claims[i].Owner)
		case covered:
			meant = append(meant, claims[i].Owner)
		}
	}
	if stated != nil {
		return dedupe(stated), true
	}
	return dedupe(meant), len(claims) > 0
}

func dedupe(owners []int) []int {
	slices.Sort(owners)
	return slices.Compact(owners)
}

// Covers gives the claims that a name falls under, on any port.
func (t *Table) Covers(name string) []Claim {
	out := slices.Clone(t.names[name])
	for rest := name; ; {
		_, parent, ok := strings.Cut(rest, ".")
		if !ok {
			break
		}
		rest = parent
		out = append(out, t.suffixes[rest]...)
	}
	if len(out) == 0 && Public(name) {
		return t.any
	}
	return out
}

// Same reports whether two claims are on the same place with a port in common.
func Same(a, b *Claim) (port uint16, same bool) {
	if a.Kind != b.Kind || a.Name != b.Name || a.Prefix != b.Prefix || (a.Port == 0) != (b.Port == 0) {
		return 0, false
	}
	for _, port := range a.Ports() {
		if covered, _ := b.covers(port); covered {
			return port, true
		}
	}
	return 0, false
}
