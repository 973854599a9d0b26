package roles

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"
)

const bulkBlock = 256 << 10

// UpstreamConfig is the certificate of the upstream, in PEM.
type UpstreamConfig struct{ Cert, Key []byte }

// UpstreamReady says where it listens.
type UpstreamReady struct{ HTTPS, HTTP string }

// serveUpstream serves the same three pages with and without TLS: a small JSON
// reply that tells what was authorised, many bytes, and a sink that counts.
func serveUpstream(ctx context.Context, config []byte) (any, error) {
	var c UpstreamConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	var lc net.ListenConfig
	secure, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	plain, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	srv := &http.Server{
		Handler: upstreamPages(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
	}
	go srv.ServeTLS(secure, "", "") //nolint:errcheck // ends with the process
	go srv.Serve(plain)             //nolint:errcheck // likewise
	return UpstreamReady{HTTPS: secure.Addr().String(), HTTP: plain.Addr().String()}, nil
}

// Fingerprint stands for a credential that was shown. The gateway takes the secret
// itself out of an answer.
func Fingerprint(credential string) string {
	sum := sha256.Sum256([]byte(credential))
	return hex.EncodeToString(sum[:16])
}

func upstreamPages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/items", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{ //nolint:errcheck // the reader has gone
			"ok": true, "auth": Fingerprint(r.Header.Get("Authorization")), "items": []int{1, 2, 3, 4, 5, 6, 7, 8},
		})
	})
	block := make([]byte, bulkBlock)
	for i := range block {
		block[i] = byte(i * 7)
	}
	mux.HandleFunc("GET /v1/bytes", func(w http.ResponseWriter, r *http.Request) {
		left, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(left))
		w.Header().Set("Content-Type", "application/octet-stream")
		for left > 0 {
			n, err := w.Write(block[:min(left, len(block))])
			if err != nil {
				return
			}
			left -= n
		}
	})
	mux.HandleFunc("POST /v1/bytes", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, n)
	})
	return mux
}
