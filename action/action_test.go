package action

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

func TestWhatWasNotDecidedIsRefused(t *testing.T) {
	var d Decision
	if d.Verdict != Deny {
		t.Errorf("the zero Decision says %v", d.Verdict)
	}
	var s State
	if s != Unknown {
		t.Errorf("the zero State is %v", s)
	}
}

func TestVerdictsReadBack(t *testing.T) {
	for _, v := range []Verdict{Deny, Ask, Allow} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var back Verdict
		if err := json.Unmarshal(b, &back); err != nil || back != v {
			t.Errorf("%s reads back as %v (%v)", b, back, err)
		}
	}
	var v Verdict
	if err := json.Unmarshal([]byte(`"perhaps"`), &v); err == nil || v != Deny {
		t.Errorf("perhaps is %v (%v)", v, err)
	}
	if _, ok := ParseVerdict("Allow"); ok {
		t.Error("Allow is not written with a capital")
	}
}

func TestStrongestEffect(t *testing.T) {
	for _, c := range []struct {
		e    Effects
		want string
	}{
		{0, "unknown"},
		{EffectRead, "read"},
		{EffectRead | EffectWrite, "write"},
		{EffectWrite | EffectDestructive, "destructive"},
		{EffectDestructive | EffectAdmin, "admin"},
		{EffectRead | EffectUnknown, "unknown"},
	} {
		if got := c.e.Strongest(); got != c.want {
			t.Errorf("%v: %s, want %s", c.e, got, c.want)
		}
	}
	for _, name := range EffectNames() {
		if e, ok := ParseEffect(name); !ok || e.String() != name {
			t.Errorf("%s reads as %v", name, e)
		}
	}
}

func TestIDsSortByTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	var ids []string
	for i := range 1000 {
		ids = append(ids, NewID(now.Add(time.Duration(i)*time.Microsecond)))
	}
	if !slices.IsSorted(ids) {
		t.Error("ids do not sort by time")
	}
	seen := make(map[string]bool)
	for range 1000 {
		id := NewID(now)
		if seen[id] || len(id) != 24 {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}

func TestFactsOfAnotherProtocolAreUnknown(t *testing.T) {
	type ours struct{ n float64 }
	type theirs struct{}
	spec := Num("ours.n", "", 0, func(f *ours) (float64, State) { return f.n, Known })
	if n, s := spec.Num(&ours{3}); n != 3 || s != Known {
		t.Errorf("ours: %v %v", n, s)
	}
	if _, s := spec.Num(&theirs{}); s != Unknown {
		t.Errorf("theirs: %v", s)
	}
	if _, s := spec.Num(nil); s != Unknown {
		t.Errorf("nothing: %v", s)
	}
}

func TestSameAsking(t *testing.T) {
	a := Asking{Rule: "r", Reason: "why", Approvers: []string{"approver.oncall"}}
	for _, b := range []Asking{
		{Rule: "other", Reason: "why", Approvers: a.Approvers},
		{Rule: "r", Reason: "else", Approvers: a.Approvers},
		{Rule: "r", Reason: "why"},
		{Rule: "r", Reason: "why", Approvers: a.Approvers, Terms: "2 of ana, bo"},
	} {
		if a.Same(b) {
			t.Errorf("%+v is taken for %+v", b, a)
		}
	}
	if !a.Same(a) {
		t.Error("an asking is not itself")
	}
}
