package price

import (
	"testing"

	"sallyport.dev/sallyport/action"
)

// The list is read whole, has a date, and knows of every provider it says it does.
// What the market asks today it cannot know.
func TestTheList(t *testing.T) {
	table, err := parse(list)
	if err != nil {
		t.Fatal(err)
	}
	if table.Date == "" || len(table.rows) < 30 {
		t.Errorf("%d models as of %q", len(table.rows), table.Date)
	}
	for k, rows := range table.rows {
		for _, r := range rows {
			if r.CacheRead > r.Input {
				t.Errorf("%v: what a cache had costs more than what none had", k)
			}
			if r.CacheWrite >= 0 && (r.CacheWrite < r.Input || r.CacheWriteLong >= 0 && r.CacheWriteLong < r.CacheWrite) {
				t.Errorf("%v: writing to a cache costs less than not to", k)
			}
			if r.Output >= 0 && r.Output < r.Input {
				t.Errorf("%v: output costs less than input", k)
			}
		}
	}
}

const shelf = `# of nobody
provider,model,above,input,cache_read,cache_write,cache_write_long,output,as_of
p,m,0,3,0.30,3.75,6,15,2026-01-02
p,m,200000,6,0.60,7.50,12,22.50,2026-01-02
p,bare,0,2,,,,,2026-01-02
p,m-2026-01-01,0,1,,,,1,2026-01-02
`

func TestCharge(t *testing.T) {
	table, err := parse(shelf)
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]action.Price{"mine": {Input: 1_000_000, CacheRead: Unstated, CacheWrite: Unstated, CacheWriteLong: Unstated, Output: 2_000_000}}
	for _, tt := range []struct {
		name  string
		u     action.Usage
		cost  int64
		price string
	}{
		{"each part has its price", action.Usage{Model: "m", Input: 1, CacheRead: 10, CacheWrite: 100, CacheWriteLong: 1000, Output: 10_000}, 3_000 + 3_000 + 375_000 + 6_000_000 + 150_000_000, "2026-01-02"},
		{"a prompt at the threshold", action.Usage{Model: "m", Input: 100_000, CacheRead: 100_000}, 300_000_000 + 30_000_000, "2026-01-02"},
		{"beyond it the whole call has the other price", action.Usage{Model: "m", Input: 100_000, CacheRead: 100_001, Output: 1}, 600_000_000 + 60_000_600 + 22_500, "2026-01-02"},
		{"the date of a version", action.Usage{Model: "m-20250929", Input: 1}, 3_000, "2026-01-02"},
		{"another one", action.Usage{Model: "m-2025-09-29", Input: 1}, 3_000, "2026-01-02"},
		{"a version with a price of its own", action.Usage{Model: "m-2026-01-01", Input: 1}, 1_000, "2026-01-02"},
		{"by what was asked", action.Usage{Asked: "models/m", Input: 1}, 3_000, "2026-01-02"},
		{"parts that are not sold apart", action.Usage{Model: "bare", Input: 1, CacheRead: 1, CacheWrite: 1, CacheWriteLong: 1, Output: 1}, 10_000, "2026-01-02"},
		{"the operator's own", action.Usage{Model: "mine", Provider: "x", Tier: "batch", CacheRead: 3, Output: 1}, 5_000, Configured},
		{"the operator's own before a reported one", action.Usage{Model: "mine", Input: 1, Cost: 7, Price: "reported"}, 1_000, Configured},
		{"a reported one", action.Usage{Model: "m", Input: 1, Cost: 7, Price: "reported"}, 7, "reported"},
		{"nothing costs nothing", action.Usage{Model: "m"}, 0, "2026-01-02"},
		{"no name", action.Usage{Input: 1}, 0, ""},
		{"an unknown model", action.Usage{Model: "m2", Input: 1}, 0, ""},
		{"a longer name", action.Usage{Model: "m-mini", Input: 1}, 0, ""},
		{"no date", action.Usage{Model: "m-20259999", Input: 1}, 0, ""},
		{"another provider", action.Usage{Model: "m", Provider: "q", Input: 1}, 0, ""},
		{"another tier", action.Usage{Model: "m", Tier: "priority", Input: 1}, 0, ""},
		{"sound", action.Usage{Model: "m", Audio: 1, Input: 1}, 0, ""},
	} {
		if tt.u.Provider == "" {
			tt.u.Provider = "p"
		}
		table.Charge(&tt.u, own)
		if tt.u.Cost != tt.cost || tt.u.Price != tt.price {
			t.Errorf("%s: %d by %q, want %d by %q", tt.name, tt.u.Cost, tt.u.Price, tt.cost, tt.price)
		}
	}
	table.Charge(nil, own)
	(*Table)(nil).Charge(&action.Usage{Model: "m"}, nil)
}

// The most that a scanner believes, at the most that a price may be, is still a number.
func TestT53_NoPriceOverflows(t *testing.T) {
	const most = 100_000_000
	p := action.Price{Input: action.MaxPrice, CacheRead: action.MaxPrice, CacheWrite: action.MaxPrice, CacheWriteLong: action.MaxPrice, Output: action.MaxPrice}
	got := cost(p, &action.Usage{Input: 2 * most, CacheRead: most, CacheWrite: most, CacheWriteLong: most, Output: 2 * most})
	if want := int64(700_000_000_000_000); got != want {
		t.Errorf("it costs %d, want %d", got, want)
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "2.50": 2_500_000, "0.0375": 37_500, "1000": action.MaxPrice, "0.000001": 1} {
		if got, err := action.Dollars(text); err != nil || got != want {
			t.Errorf("%q is %d: %v", text, got, err)
		}
	}
	for _, text := range []string{"", ".5", "1.", "-1", "1e3", "$1", "1000.01", "0.0000001", "1,5", "1.2.3", "+1", " 1", "NaN", "99999999999999999999"} {
		if got, err := action.Dollars(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
	for name, text := range map[string]string{
		"no date":      shelf + "p,x,0,1,,,,1,\n",
		"no such date": shelf + "p,x,0,1,,,,1,2026-13-01\n",
		"twice":        shelf + "p,m,0,1,,,,1,2026-01-02\n",
		"long only":    shelf + "p,x,5,1,,,,1,2026-01-02\n",
		"no input":     shelf + "p,x,0,,,,,1,2026-01-02\n",
		"no number":    shelf + "p,x,0,a,,,,1,2026-01-02\n",
		"few columns":  shelf + "p,x\n",
		"no threshold": shelf + "p,x,-1,1,,,,1,2026-01-02\n",
	} {
		if _, err := parse(text); err == nil {
			t.Errorf("%s: the list is read", name)
		}
	}
}
