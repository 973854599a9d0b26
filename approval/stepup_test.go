package approval

import (
	"errors"
	"testing"
	"testing/synctest"

	"sallyport.dev/sallyport/action"
)

// TestT41_AGraveYesComesByTheDashboardOnly proves that where an approver wants a
// fresh proof, or the action destroys, administers or does nobody knows what, no
// channel and no token can say yes, and every one of them no.
func TestT41_AGraveYesComesByTheDashboardOnly(t *testing.T) {
	for name, c := range map[string]struct {
		effects, judged action.Effects
		wants           bool
	}{
		"the approver wants it":           {action.EffectWrite, action.EffectWrite, true},
		"it destroys":                     {action.EffectWrite | action.EffectDestructive, 0, false},
		"it administers":                  {action.EffectAdmin, 0, false},
		"nothing classifies it":           {action.EffectUnknown, 0, false},
		"an operation of it destroys":     {action.EffectWrite, action.EffectDestructive, false},
		"an operation of it is not known": {action.EffectWrite, action.EffectRead | action.EffectUnknown, false},
	} {
		t.Run(name, func(t *testing.T) { graveYes(t, c.effects, c.judged, c.wants) })
	}
}

// A POST that only reads and a DELETE that only writes are what the service says.
func TestAYesToWhatIsNotGrave(t *testing.T) {
	for _, effects := range []action.Effects{action.EffectWrite, action.EffectDestructive} {
		synctest.Test(t, func(t *testing.T) {
			d := loaded(t, nil, map[string]Approver{"approver.money": {Members: []string{"ana@acme.dev"}}})
			got := file(t.Context(), d, deed{id: "1", body: "x", asks: asked("approver.money"), effects: effects, judged: action.EffectWrite})
			if _, err := d.Answer("1", true, action.Person{Name: "ana@acme.dev", Via: "slack"}, "", Scope{}); err != nil {
				t.Error(err)
			}
			<-got
		})
	}
}

func graveYes(t *testing.T, effects, judged action.Effects, wants bool) {
	for via, ok := range map[string]bool{
		"slack": false, "webhook": false, "token": false, "": false,
		"oidc": true, "tailnet": true, "local": true, HostDoor: true,
	} {
		synctest.Test(t, func(t *testing.T) {
			d := loaded(t, nil, map[string]Approver{"approver.money": {Members: []string{"ana@acme.dev"}, StepUp: wants}})
			e := deed{id: "1", body: "x", asks: asked("approver.money"), effects: effects, judged: judged}
			got := file(t.Context(), d, e)
			if r, _ := d.Get("1"); !r.StepUp {
				t.Error("the request does not say so")
			}
			who := action.Person{Name: "ana@acme.dev", Via: via}
			if _, err := d.Answer("1", true, who, "", Scope{}); errors.Is(err, ErrStepUp) == ok || ok && err != nil {
				t.Errorf("a yes via %q: %v", via, err)
			}
			if !ok {
				if _, err := d.Answer("1", false, who, "", Scope{}); err != nil {
					t.Errorf("a no via %q: %v", via, err)
				}
			}
			if dec := <-got; (dec.Verdict == action.Allow) != ok {
				t.Errorf("via %q it is %v", via, dec.Verdict)
			}
		})
	}
}
