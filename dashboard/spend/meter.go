package spend

import (
	"context"
	"sync"

	"sallyport.dev/sallyport/action"

	"github.com/prometheus/client_golang/prometheus"
)

// maxLabels bounds the models that are told apart: their names are chosen by
// whoever answers. The others are one.
const maxLabels = 200

// other is the model of all beyond that, and of those without a price.
const other = "other"

// A Meter counts what models took since the gateway was started, for Prometheus, by
// the names of OpenTelemetry (semantic conventions for generative AI, in
// development). It tells no agents apart; the usage of the API does.
type Meter struct {
	input, cacheRead, cacheWrite, output, reasoning, cost *prometheus.CounterVec

	mu    sync.Mutex
	known map[[2]string]bool // provider and model; guarded by mu
}

var _ prometheus.Collector = (*Meter)(nil)

// NewMeter makes a meter that has counted nothing.
func NewMeter() *Meter {
	tokens := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gen_ai_client_inference_usage_" + name + "_total", Help: help},
			[]string{"gen_ai_provider_name", "gen_ai_response_model", "gen_ai_token_modality"})
	}
	return &Meter{
		input:      tokens("input_tokens", "Tokens that went into language models, with those a cache had."),
		cacheRead:  tokens("cache_read_input_tokens", "Tokens of them that a cache had."),
		cacheWrite: tokens("cache_write_input_tokens", "Tokens of them that were written to a cache."),
		output:     tokens("output_tokens", "Tokens that language models answered, with their reasoning."),
		reasoning:  tokens("reasoning_output_tokens", "Tokens of them that were reasoning."),
		cost: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sallyport_model_cost_dollars_total", Help: "What they cost, where the model has a price."},
			[]string{"gen_ai_provider_name", "gen_ai_response_model"}),
		known: map[[2]string]bool{},
	}
}

func (m *Meter) all() []*prometheus.CounterVec {
	return []*prometheus.CounterVec{m.input, m.cacheRead, m.cacheWrite, m.output, m.reasoning, m.cost}
}

// Describe implements prometheus.Collector.
func (m *Meter) Describe(c chan<- *prometheus.Desc) {
	for _, v := range m.all() {
		v.Describe(c)
	}
}

// Collect implements prometheus.Collector.
func (m *Meter) Collect(c chan<- prometheus.Metric) {
	for _, v := range m.all() {
		v.Collect(c)
	}
}

// count adds one answer.
func (m *Meter) count(u *action.Usage) {
	if u == nil {
		return
	}
	provider, model := provider(u.Provider), m.label(u)
	add := func(v *prometheus.CounterVec, n int64) {
		v.WithLabelValues(provider, model, "unknown").Add(float64(n))
	}
	add(m.input, u.Prompt())
	add(m.cacheRead, u.CacheRead)
	add(m.cacheWrite, u.CacheWrite+u.CacheWriteLong)
	add(m.output, u.Output)
	add(m.reasoning, u.Reasoning)
	if u.Price != "" {
		m.cost.WithLabelValues(provider, model).Add(float64(u.Cost) / 1e9)
	}
}

// label is the model, as far as it can be one of few.
func (m *Meter) label(u *action.Usage) string {
	if u.Price == "" || u.Model == "" {
		return other
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k := [2]string{u.Provider, u.Model}
	if !m.known[k] {
		if len(m.known) >= maxLabels {
			return other
		}
		m.known[k] = true
	}
	return u.Model
}

// provider is the name that OpenTelemetry has for it, where it has one.
func provider(name string) string {
	switch name {
	case "azure_openai":
		return "azure.ai.openai"
	case "bedrock":
		return "aws.bedrock"
	case "gemini":
		return "gcp.gemini"
	}
	return name
}

// A Journal is told how actions end.
type Journal interface {
	Begin(ctx context.Context, a *action.Action, d action.Decision) error
	End(a *action.Action, d action.Decision, r action.Result)
}

// A Counted journal has a meter count what it is told.
type Counted struct {
	Journal
	Meter *Meter
}

// End is that of the journal, and counts.
func (c Counted) End(a *action.Action, d action.Decision, r action.Result) {
	c.Journal.End(a, d, r)
	c.Meter.count(r.Usage)
}
