package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"sallyport.dev/sallyport/internal/bench/report"
	"sallyport.dev/sallyport/internal/bench/roles"
	"sallyport.dev/sallyport/internal/bench/world"
)

// manyConns is the number of connections of the bar.
const manyConns = 64

// An httpConn is a keep-alive HTTP/1.1 client on one connection. It is cheaper
// than net/http's, so that the load weighs less than what it measures.
type httpConn struct {
	conn net.Conn
	in   *bufio.Reader
	req  []byte
}

// newHTTPConn connects to a service and makes sure that what comes back is the
// upstream's, with the credential that the variant should have set.
func newHTTPConn(ctx context.Context, t *world.Target, service string) (*httpConn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := t.Open(ctx, service)
	if err != nil {
		return nil, err
	}
	h := &httpConn{conn: conn, in: bufio.NewReader(conn)}
	h.req = fmt.Appendf(nil, "GET /v1/items HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nAccept: */*\r\nAuthorization: Bearer dummy\r\n\r\n", service)
	return h, nil
}

// get makes one request and gives the body.
func (h *httpConn) get() ([]byte, error) {
	if err := h.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := h.conn.Write(h.req); err != nil {
		return nil, err
	}
	return h.answer()
}

func (h *httpConn) answer() ([]byte, error) {
	resp, err := http.ReadResponse(h.in, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.200s", resp.StatusCode, body)
	}
	return body, err
}

// authorised looks whether the upstream was shown the right token.
func authorised(t *world.Target, body []byte) error {
	var got struct{ Auth string }
	if err := json.Unmarshal(bytes.TrimSpace(body), &got); err != nil {
		return fmt.Errorf("the reply is no JSON: %.100q", body)
	}
	want := "Bearer " + world.APIToken
	if t.Name == "direct" || t.Name == "bare" || t.Name == "ts-splice" {
		want = "Bearer dummy"
	}
	if got.Auth != roles.Fingerprint(want) {
		return errors.New("the upstream was shown another credential than the expected one")
	}
	return nil
}

// keepAlive hires a worker with a connection of its own.
func keepAlive(t *world.Target) func(context.Context) (worker, error) {
	return func(ctx context.Context) (worker, error) {
		h, err := newHTTPConn(ctx, t, world.APIName)
		if err != nil {
			return worker{}, err
		}
		body, err := h.get()
		if err == nil {
			err = authorised(t, body)
		}
		if err != nil {
			h.conn.Close()
			return worker{}, err
		}
		return worker{
			do:    func() error { _, err := h.get(); return err },
			close: func() { h.conn.Close() },
		}, nil
	}
}

// measureHTTP is small replies over TLS on kept connections.
func measureHTTP(ctx context.Context, b *bench) error {
	s := make(report.Samples)
	for range b.rounds {
		for _, name := range []string{"direct", "bare", "proxy", "sallyport"} {
			t, err := b.world.Target(ctx, name)
			if err != nil {
				return err
			}
			for _, n := range []int{manyConns, 1} {
				r, err := drive(ctx, t, n, b.duration, keepAlive(t))
				if err != nil {
					return err
				}
				keep(s, name, fmt.Sprint(n), r)
			}
		}
	}
	const us = "sallyport"
	r := b.report
	r.Ratio("http", "64 connections", s.Median(us, "64 rate"), s.Median("proxy", "64 rate"), "req/s", "proxy", report.AtLeast(1, "×"))
	r.Ratio("http", "64 connections", s.Median(us, "64 cpu"), s.Median("proxy", "64 cpu"), "CPU s/10k", "proxy", report.AtMost(1, "×"))
	r.Ratio("http", "64 connections", s.Median(us, "64 rate"), s.Median("bare", "64 rate"), "req/s", "bare", nil)
	r.Ratio("http", "64 connections", s.Median(us, "64 cpu"), s.Median("bare", "64 cpu"), "CPU s/10k", "bare", nil)
	r.Ratio("http", "64 connections", s.Median(us, "64 rate"), s.Median("direct", "64 rate"), "req/s", "direct", nil)
	r.Ratio("http", "1 connection, p50", s.Median(us, "1 p50"), s.Median("proxy", "1 p50"), "µs", "proxy", report.AtMost(1.1, "×"))
	r.Ratio("http", "1 connection, p50", s.Median(us, "1 p50"), s.Median("bare", "1 p50"), "µs", "bare", nil)
	r.Value("http", "packets to the agent per small reply", s.Median(us, "1 packets"), "", report.AtMost(3, ""))
	r.Value("http", "the same, 64 connections", s.Median(us, "64 packets"), "", nil)
	r.Value("http", "the same, proxy, 1 connection", s.Median("proxy", "1 packets"), "", nil)
	return nil
}
