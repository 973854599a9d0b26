package tailnet

import (
	"testing"
	"time"

	"sallyport.dev/sallyport/netstack/trial"
)

// TestATailnetIsUpSoon: control server, gateway and an agent, from nothing to the
// first answer.
func TestATailnetIsUpSoon(t *testing.T) {
	begin := time.Now()
	l := newLab(t, trial.Handler(trial.Echo)).up()
	trial.Line(t, l.join("ci-1", "tag:ci").dial("1.2.3.4:80"))
	if took := time.Since(begin); took > 2*time.Second && !raceEnabled {
		t.Errorf("a tailnet of two nodes was up after %v, want 2 s", took)
	}
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
