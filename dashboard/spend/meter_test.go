package spend

import (
	"fmt"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"

	"github.com/prometheus/client_golang/prometheus"
)

func TestMeter(t *testing.T) {
	m := NewMeter()
	m.count(nil)
	for range 2 {
		m.count(&action.Usage{Provider: "gemini", Model: "m", Input: 10, CacheRead: 5, CacheWrite: 2, CacheWriteLong: 1, Output: 7, Reasoning: 3, Cost: 250_000_000, Price: "2026-01-02"})
	}
	m.count(&action.Usage{Provider: "openai", Model: "no price", Input: 1})
	want := "gcp.gemini m unknown 36; openai other unknown 1"
	if got := series(t, m)["gen_ai_client_inference_usage_input_tokens_total"]; strings.Join(got, "; ") != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := series(t, m)["sallyport_model_cost_dollars_total"]; strings.Join(got, "; ") != "gcp.gemini m 0.5" {
		t.Errorf("the cost is %q", got)
	}
}

// series gives what a scrape finds, by name.
func series(t *testing.T, m *Meter) map[string][]string {
	t.Helper()
	reg := prometheus.NewRegistry()
	if err := reg.Register(m); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			text := ""
			for _, l := range one.GetLabel() {
				text += l.GetValue() + " "
			}
			found[f.GetName()] = append(found[f.GetName()], fmt.Sprint(text, one.GetCounter().GetValue()))
		}
	}
	return found
}

// Whoever answers chooses the name of a model, and may choose another each time: it
// fills no memory with series.
func TestT53_NamesMakeFewSeries(t *testing.T) {
	m := NewMeter()
	for i := range 10 * maxLabels {
		m.count(&action.Usage{Provider: "openai", Model: fmt.Sprint("m", i), Price: "x", Input: 1})
	}
	if n := len(series(t, m)["gen_ai_client_inference_usage_input_tokens_total"]); n != maxLabels+1 {
		t.Errorf("there are %d series", n)
	}
}
