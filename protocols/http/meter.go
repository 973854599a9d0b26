package http

import (
	"net/http"
	"slices"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/ask"
	"sallyport.dev/sallyport/protocols/llm"
)

// asksModel reports whether the answer may be that of a model: the service says
// that there are some, and asking one is a POST with every provider.
func (t *transfer) asksModel() bool {
	svc := t.Act.Service
	return len(svc.Readings) > 0 && t.r.Method == http.MethodPost && slices.Contains(svc.Readings, "llm")
}

// measure has the body of an answer read as it goes by. What failed took nothing.
func (t *transfer) measure(resp *http.Response) {
	if resp.StatusCode == http.StatusOK && len(resp.Header["Content-Encoding"]) == 0 {
		t.meter = llm.New(ask.MediaType(resp.Header))
	}
}

// bill puts what a model took into the result.
func (t *transfer) bill() {
	if t.meter == nil {
		return
	}
	svc := t.Act.Service
	e := llm.End{Provider: llm.Provider(svc.Preset), Asked: llm.PathModel(t.Path), Sent: t.sent, Cut: t.res.Failed}
	if c := t.Facts.Call; c != nil {
		if model, state := c.LLM.Asked(); state == action.Known {
			e.Asked = model
		}
	}
	t.res.Usage = t.meter.End(e)
	t.site.p.prices.Charge(t.res.Usage, svc.Prices)
}
