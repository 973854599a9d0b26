package reference

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// backlog is how many connections may wait for the server.
const backlog = 1024

// A Proxy is the least that a gateway for HTTPS must do.
type Proxy struct {
	Cert, Key []byte // PEM, shown to agents
	Roots     []byte // PEM, signs the upstream
	Upstream  string // host:port
	Name      string // of the upstream
	Token     string // bearer token that is set
}

type proxy struct {
	conns chan net.Conn
}

func startProxy(p Proxy) (*proxy, error) {
	cert, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(p.Roots) {
		return nil, errors.New("no certificate of the upstream's CA")
	}
	target := &url.URL{Scheme: "https", Host: p.Upstream}
	handler := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.Out.Header.Set("Authorization", "Bearer "+p.Token)
		},
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: dialTime}).DialContext,
			TLSClientConfig:     &tls.Config{RootCAs: roots, ServerName: p.Name, NextProtos: []string{"http/1.1"}},
			MaxIdleConnsPerHost: 256,
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	srv := &http.Server{
		Handler: handler, ReadHeaderTimeout: dialTime, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}},
	}
	out := &proxy{conns: make(chan net.Conn, backlog)}
	go srv.ServeTLS(listener{out.conns}, "", "") //nolint:errcheck // ends with the process
	return out, nil
}

func (p *proxy) accept(c net.Conn) { p.conns <- c }

// listener hands out the flows of the tunnel.
type listener struct{ conns chan net.Conn }

func (l listener) Accept() (net.Conn, error) { return <-l.conns, nil }
func (l listener) Close() error              { return nil }
func (l listener) Addr() net.Addr            { return &net.TCPAddr{} }
