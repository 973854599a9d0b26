package policy

import (
	"testing"

	"sallyport.dev/sallyport/action"
)

// A service through which models are asked has the prices that the configuration
// states; others need none.
func TestPricesReachTheService(t *testing.T) {
	p := loaded(t, `
service "openai" {}
service "plain" { hosts = ["plain.example.com"] }
role "everyone" { use = [service.openai, service.plain] }
price "acme-7b" {
  input      = "$0.60"
  output     = "$0.79"
  cache_read = "$0.06"
}
`)
	for _, s := range p.Services() {
		got, ok := s.Prices["acme-7b"]
		want := action.Price{Input: 600_000, CacheRead: 60_000, CacheWrite: -1, CacheWriteLong: -1, Output: 790_000}
		if ok != (s.Name == "openai") || ok && got != want || s.Name == "openai" && s.Preset != "openai" {
			t.Errorf("%s has %+v", s.Name, s.Prices)
		}
	}
}
