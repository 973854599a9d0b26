package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport.dev/sallyport/audit"
	"sallyport.dev/sallyport/audit/usage"
	"sallyport.dev/sallyport/dashboard/route"
)

const thinking = `
gateway {
  wireguard {
    listen = ":0"
  }
}

service "openai" {
  preset = "openai"
  hosts  = ["models.example.com"]
  auth   = bearer(secret.openai)
  tls    = { ca = file("upstreams.pem") }
}

role "thinker" {
  use = [service.openai]
}

price "acme-7b" {
  input  = "$0.60"
  output = "$1.20"
}
`

// think has an agent ask a model; what the answer is to say it took stands in the
// question.
func (d *desk) think(c *http.Client, model, tokens string) {
	d.t.Helper()
	question, err := json.Marshal(map[string]string{"model": model, "user": tokens})
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := c.Post("https://models.example.com/v1/chat/completions", "application/json", bytes.NewReader(question))
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body) //nolint:errcheck // the status is what counts
	if resp.StatusCode != 200 {
		d.t.Fatal(resp.Status)
	}
}

// What the records say, the API adds up, the command prints and a scrape counts.
func TestUsageIsTheSameEverywhere(t *testing.T) {
	d := newDesk(t, thinking)
	d.Secret("openai", "sk-openai-key")
	d.HTTPS("models.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Model, User string }
		json.NewDecoder(r.Body).Decode(&q) //nolint:errcheck // the test is what asks
		w.Header().Set("Content-Type", "application/json")
		model, _ := json.Marshal(q.Model) //nolint:errcheck // of a string
		fmt.Fprintf(w, `{"object":"chat.completion","model":%s,"choices":[],"usage":{%s}}`, model, q.User)
	}))
	if r := d.ok("usage"); r.stdout != "" || !strings.Contains(r.stderr, `No language model has answered since`) {
		t.Errorf("of nothing: %q %q", r.stdout, r.stderr)
	}
	ci, bot := d.Agent("ci", "thinker").HTTP(), d.Agent("bot", "thinker").HTTP()
	d.think(ci, "gpt-4.1", `"prompt_tokens":1000,"completion_tokens":100,"prompt_tokens_details":{"cached_tokens":400}`)
	d.think(ci, "acme-7b", `"prompt_tokens":5000,"completion_tokens":10`)
	d.think(bot, "gpt-4.1", `"prompt_tokens":1200000,"completion_tokens":7`)
	d.think(bot, "\x1b[31mnobody-knows", `"prompt_tokens":3,"completion_tokens":4`)

	var want usage.Sum
	for _, r := range d.Records("service:openai", 4) {
		want.Add(sumOf(&r))
	}
	if want.Cost != (600*2000+400*500+100*8000)+(5000*600+10*1200)+(1_200_000*2000+7*8000) || want.Unpriced != 1 {
		t.Errorf("the records say %+v", want)
	}
	r := httptest.NewRequest("GET", "/api/v1/usage?by=agent,model&since=1h", nil)
	r = r.WithContext(route.WithCaller(r.Context(), route.Caller{Rights: route.RightsOf(route.Viewer)}))
	w := httptest.NewRecorder()
	d.API.Handler().ServeHTTP(w, r)
	var api, cli usage.Report
	if err := json.Unmarshal(w.Body.Bytes(), &api); err != nil || api.Total != want || len(api.Groups) != 4 {
		t.Errorf("the API says %v %s, want %+v", err, w.Body, want)
	}
	if err := json.Unmarshal([]byte(d.ok("usage", "--by", "agent,model", "--since", "1h", "--json").stdout), &cli); err != nil || cli.Total != api.Total || fmt.Sprint(cli.Groups) != fmt.Sprint(api.Groups) {
		t.Errorf("the command says %v %+v, want %+v", err, cli, api)
	}
	checkTable(t, d)
	checkScrape(t, d)
	if r := d.call("usage", "--by", "colour"); r.code != 2 || !strings.Contains(r.stderr, "nothing to group by") {
		t.Errorf("by colour: exit %d: %s", r.code, r.stderr)
	}
}

func sumOf(r *audit.Record) usage.Sum {
	u := r.Usage
	s := usage.Sum{Requests: 1, Input: u.Input, CacheRead: u.CacheRead, CacheWrite: u.CacheWrite + u.CacheWriteLong, Output: u.Output, Reasoning: u.Reasoning, Cost: u.Cost}
	if u.Price == "" {
		s.Unpriced = 1
	}
	return s
}

// checkTable looks at what people see.
func checkTable(t *testing.T, d *desk) {
	t.Helper()
	out := d.ok("usage", "--by", "model")
	want := `
  MODEL             REQUESTS      INPUT  CACHED  OUTPUT                COST
  gpt-4.1                  2  1,201,000     400     107             $2.4023
  acme-7b                  1      5,000       0      10             $0.0030
  [31mnobody-knows         1          3       0       4            no price
  total                    4  1,206,003     400     121  $2.4053 + no price
`
	if got := "\n" + out.stdout; got != want {
		t.Errorf("it prints:%swant:%s", got, want)
	}
	has(t, out.stderr, "No price: [31mnobody-knows of openai (1 request, 7 tokens), not in the sum.", `A block price "NAME"`)
	if strings.Contains(out.stdout+out.stderr, "\x1b") {
		t.Errorf("a model steers the terminal: %q", out.stdout)
	}
	has(t, d.ok("log", "service:openai").stdout, "1,000 → 100 tokens", "$0.0022")
}

func checkScrape(t *testing.T, d *desk) {
	t.Helper()
	r := httptest.NewRequest("GET", "/metrics", nil)
	r = r.WithContext(route.WithCaller(r.Context(), route.Caller{Rights: route.RightsOf(route.Viewer)}))
	w := httptest.NewRecorder()
	d.API.Handler().ServeHTTP(w, r)
	has(t, w.Body.String(),
		`gen_ai_client_inference_usage_input_tokens_total{gen_ai_provider_name="openai",gen_ai_response_model="gpt-4.1",gen_ai_token_modality="unknown"} 1.201e+06`,
		`gen_ai_client_inference_usage_output_tokens_total{gen_ai_provider_name="openai",gen_ai_response_model="other",gen_ai_token_modality="unknown"} 4`,
		`sallyport_model_cost_dollars_total{gen_ai_provider_name="openai",gen_ai_response_model="acme-7b"} 0.003012`,
	)
}
