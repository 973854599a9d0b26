package dashboard

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// A Gauge is one figure that is asked for when somebody scrapes.
type Gauge struct {
	Name, Help string
	Counter    bool // it only grows
	Value      func() float64
}

// NewMetrics registers gauges beside the figures of the Go runtime and of the
// process.
func NewMetrics(gauges ...Gauge) (*prometheus.Registry, error) {
	reg := prometheus.NewRegistry()
	list := []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
	for _, g := range gauges {
		if g.Counter {
			list = append(list, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: g.Name, Help: g.Help}, g.Value))
			continue
		}
		list = append(list, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.Name, Help: g.Help}, g.Value))
	}
	for _, c := range list {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return reg, nil
}
