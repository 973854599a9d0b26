package tailnet

import (
	"fmt"
	"testing"
	"time"

	"sallyport.dev/sallyport/internal/pulse"
	"sallyport.dev/sallyport/netstack/trial"
)

// TestATailnetIsUpSoon: control server, gateway and an agent, from nothing to the
// first answer. The fastest of some counts: the others tell of the machine.
func TestATailnetIsUpSoon(t *testing.T) {
	clock := pulse.Start()
	defer clock.Stop()
	fastest := time.Hour
	for i := 0; i < 5 && fastest > 2*time.Second; i++ {
		t.Run(fmt.Sprint("try ", i), func(t *testing.T) {
			begin := time.Now()
			l := newLab(t, trial.Handler(trial.Echo)).up()
			trial.Line(t, l.join("ci-1", "tag:ci").dial("1.2.3.4:80"))
			took := clock.Since(begin)
			t.Logf("up after %v, of %v on a machine that never stands still", time.Since(begin), took)
			fastest = min(fastest, took)
		})
		if raceEnabled || t.Failed() {
			return
		}
	}
	if fastest <= 2*time.Second {
		return
	}
	t.Errorf("a tailnet of two nodes was up after %v, want 2 s", fastest)
}

func TestCapturesEveryDestination(t *testing.T) { trial.CapturesEveryDestination(t, over) }

func TestRefusesAtOnce(t *testing.T) { trial.RefusesAtOnce(t, over) }

func TestHalfCloseDeliversTheLateAnswer(t *testing.T) { trial.HalfCloseDeliversTheLateAnswer(t, over) }

func TestBulkIsWhole(t *testing.T) { trial.BulkIsWhole(t, over, 4<<20) }

func TestPanicEndsOnlyItsFlow(t *testing.T) { trial.PanicEndsOnlyItsFlow(t, over) }

func TestDNSToAnyAddressIsOurs(t *testing.T) { trial.DNSToAnyAddressIsOurs(t, over) }

func TestT03_UDPOtherThanDNSIsRejected(t *testing.T) { trial.UDPOtherThanDNSIsRejected(t, over) }

func TestT02_OnlyTheHandlerOpensAPort(t *testing.T) { trial.OnlyTheHandlerOpensAPort(t, over) }

func TestT10_FlowsAreLimitedPerAgent(t *testing.T) { trial.FlowsAreLimitedPerAgent(t, over) }

func TestT10_UnacceptedFlowsAreLimitedPerAgent(t *testing.T) {
	trial.UnacceptedFlowsAreLimitedPerAgent(t, over)
}

func TestT10_QueriesAreLimitedPerAgent(t *testing.T) { trial.QueriesAreLimitedPerAgent(t, over) }
