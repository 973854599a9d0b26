// Package demo is the show that `sallyport demo` plays: an upstream and, where
// one is installed, a database, a configuration in front of them, and an agent
// with a script that knows what must become of every step. It starts no gateway;
// the command does, with the configuration that it gets here.
package demo

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sallyport.dev/sallyport/internal/pgserver"
	"sallyport.dev/sallyport/internal/pki"

	"github.com/jackc/pgx/v5"
)

// Names of the show's upstreams.
const (
	apiHost  = "api.shop.example"
	dbHost   = "db.shop.example"
	database = "shop"
	dbUser   = "agent_rw"
)

// A World is what the demo's agent wants to reach.
type World struct {
	Dir string // of the configuration

	api      *http.Server
	apiAddr  string
	db       *pgserver.Server // nil: none is installed
	token    string
	password string

	mu   sync.Mutex
	last http.Header // what the upstream saw last; guarded by mu
}

// NewWorld starts the upstreams and writes the configuration into dir. Close it.
func NewWorld(ctx context.Context, dir string) (_ *World, err error) {
	w := &World{Dir: dir, token: "shop-" + random(), password: random()}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	ca, err := pki.New("the shop's own CA")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "shop-ca.pem"), ca.PEM(), 0o600); err != nil {
		return nil, fmt.Errorf("write the upstreams' CA: %w", err)
	}
	if err := w.startAPI(ctx, ca); err != nil {
		return nil, err
	}
	if err := w.startDB(ctx, ca); err != nil && !errors.Is(err, pgserver.ErrMissing) {
		return nil, fmt.Errorf("start a database: %w", err)
	}
	return w, w.Configure(ctx)
}

// Secrets are what the vault must hold, by name.
func (w *World) Secrets() map[string]string {
	if w.db == nil {
		return map[string]string{"shop": w.token}
	}
	return map[string]string{"shop": w.token, "shop_db": w.password}
}

// HasDatabase reports whether a PostgreSQL server is part of the show.
func (w *World) HasDatabase() bool { return w.db != nil }

// Close ends the upstreams.
func (w *World) Close() error {
	var errs []error
	if w.api != nil {
		errs = append(errs, w.api.Close())
	}
	if w.db != nil {
		errs = append(errs, w.db.Close())
	}
	return errors.Join(errs...)
}

// startAPI serves a small shop over TLS; it turns away whoever shows no key.
func (w *World) startAPI(ctx context.Context, ca *pki.Authority) error {
	cert, err := ca.Issue(apiHost)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the upstream: %w", err)
	}
	w.apiAddr = l.Addr().String()
	w.api = &http.Server{
		Handler: w.shop(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
	}
	go w.api.ServeTLS(l, "", "") //nolint:errcheck // it ends when Close closes it
	return nil
}

func (w *World) shop() http.Handler {
	mux := http.NewServeMux()
	reply := func(body string) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			w.mu.Lock()
			w.last = r.Header.Clone()
			w.mu.Unlock()
			if r.Header.Get("Authorization") != "Bearer "+w.token {
				http.Error(rw, "who are you?", http.StatusUnauthorized)
				return
			}
			rw.Header().Set("Content-Type", "application/json")
			fmt.Fprintln(rw, body)
		}
	}
	mux.HandleFunc("GET /v1/orders", reply(`[{"id":7,"total":"42.00"}]`))
	mux.HandleFunc("POST /v1/refunds", reply(`{"refunded":true}`))
	mux.HandleFunc("DELETE /v1/orders/{id}", reply(`{"deleted":true}`))
	return mux
}

// injected reports whether the last request that reached the shop had its key.
func (w *World) injected() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last.Get("Authorization") == "Bearer "+w.token
}

// startDB starts a real server with TLS, an account for the gateway and a table.
func (w *World) startDB(ctx context.Context, ca *pki.Authority) error {
	cert, key, err := ca.IssuePEM(dbHost)
	if err != nil {
		return err
	}
	files := map[string][]byte{"db.crt": cert, "db.key": key}
	for name, pem := range files {
		if err := os.WriteFile(filepath.Join(w.Dir, name), pem, 0o600); err != nil {
			return fmt.Errorf("write the server's certificate: %w", err)
		}
	}
	admin := random()
	w.db, err = pgserver.Start(ctx, pgserver.Options{
		Password: admin, Cert: filepath.Join(w.Dir, "db.crt"), Key: filepath.Join(w.Dir, "db.key"),
	})
	if err != nil {
		return err
	}
	for _, step := range []struct {
		database string
		sql      []string
	}{
		{"postgres", []string{"CREATE ROLE " + dbUser + " LOGIN PASSWORD '" + w.password + "'", "CREATE DATABASE " + database + " OWNER " + dbUser}},
		{database, []string{
			"CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL)",
			"INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Barbara')",
			"ALTER TABLE customers OWNER TO " + dbUser,
		}},
	} {
		if err := run(ctx, w.db.URL("postgres", admin, step.database), step.sql); err != nil {
			return fmt.Errorf("fill the database: %w", err)
		}
	}
	return nil
}

func run(ctx context.Context, url string, statements []string) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	for _, sql := range statements {
		if _, err := c.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// random gives 32 hex digits.
func random() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // crypto/rand.Read never returns an error
	return hex.EncodeToString(b[:])
}
