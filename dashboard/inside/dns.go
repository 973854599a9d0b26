package inside

import (
	"io"
	"net/http"

	"sallyport.dev/sallyport/action"
)

const (
	dnsType = "application/dns-message" // RFC 8484, section 6
	maxAsk  = 4 << 10                   // as over TCP
)

// names answers DNS over HTTP (RFC 8484, by POST) as the gateway answers it on
// port 53. It is how a node of a tailnet asks the exit node that it uses.
func (in *Pages) names(p *action.Peer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /dns-query", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") != dnsType {
			http.Error(w, "want "+dnsType, http.StatusUnsupportedMediaType)
			return
		}
		query, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAsk))
		if err != nil {
			http.Error(w, "the question is too large, or ended early", http.StatusBadRequest)
			return
		}
		answer := in.Resolver.Answer(p, query, true)
		if answer == nil {
			http.Error(w, "that is no question", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", dnsType)
		w.Write(answer) //nolint:errcheck // whoever asked has gone
	})
	return mux
}
