package postgres

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/notrun"
	"sallyport.dev/sallyport/protocols"
	"sallyport.dev/sallyport/protocols/postgres/upstream"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/scrub"
)

// A database is a real PostgreSQL server with TLS and one account per way to log
// in: scram_ro, md5_ro and clear_ro with the password canary-pw, trusting without.
type database struct {
	dir  string
	port int
	pool *x509.CertPool
	cmd  *exec.Cmd
	out  bytes.Buffer
}

var shared struct {
	once sync.Once
	db   *database
	err  error
}

// TestMain ends the shared server with the tests.
func TestMain(m *testing.M) {
	code := m.Run()
	if shared.db != nil {
		shared.db.stop()
	}
	os.Exit(code)
}

// needDatabase gives the server that all tests of this package share.
func needDatabase(tb testing.TB) *database {
	tb.Helper()
	shared.once.Do(func() { shared.db, shared.err = startDatabase() })
	if errors.Is(shared.err, errNoServer) {
		notrun.Skip(tb, shared.err.Error())
	}
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return shared.db
}

var errNoServer = errors.New("no PostgreSQL server (initdb, postgres) on this machine")

const password = "canary-pw"

// enough bounds every program that a test runs, and everything that must come.
const enough = 2 * time.Minute

func findBin(name string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			if _, err := os.Stat(filepath.Join(filepath.Dir(p), "postgres")); err == nil {
				return p, nil
			}
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return "", errNoServer
	}
	return found[len(found)-1], nil
}

// asServer gives the process attributes for a server, which refuses to be root.
func asServer(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err := errors.Join(err1, err2, os.Chown(dir, uid, gid)); err != nil {
			return nil, err
		}
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return nil, errors.New("no user to run PostgreSQL as")
}

func startDatabase() (*database, error) {
	initdb, err := findBin("initdb")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sallyport-pg")
	if err != nil {
		return nil, err
	}
	db := &database{dir: dir}
	attr, err := asServer(dir)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(context.Background(), enough)
	defer stop()
	run := exec.CommandContext(ctx, initdb, "-D", dir+"/data", "-U", "root", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions", "--locale=C")
	run.SysProcAttr, run.Dir = attr, dir
	if out, err := run.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	if err := db.configure(); err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		if err := db.run(filepath.Join(filepath.Dir(initdb), "postgres"), attr); err == nil {
			return db, db.prepare()
		} else if try == 2 || db.cmd == nil || db.cmd.Process == nil {
			return nil, err
		}
		db.cmd.Process.Kill() //nolint:errcheck // it may have ended: its port was free for a moment only
		db.cmd.Wait()         //nolint:errcheck // likewise
	}
}

// run starts the server at a free port and waits until it answers.
func (db *database) run(postgres string, attr *syscall.SysProcAttr) (err error) {
	if db.port, err = freePort(); err != nil {
		return err
	}
	db.cmd = exec.Command(postgres, "-D", db.dir+"/data", "-k", db.dir, "-p", strconv.Itoa(db.port))
	db.cmd.SysProcAttr, db.cmd.Dir = attr, db.dir
	db.cmd.Stdout, db.cmd.Stderr = &db.out, &db.out
	if err := db.cmd.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		out, err := db.psql("postgres", "SELECT 1")
		if err == nil {
			return nil
		}
		if zombie(db.cmd.Process.Pid) || time.Now().After(deadline) {
			return fmt.Errorf("the server does not come up: %w: %s %s", err, out, db.out.String())
		}
	}
}

// zombie reports whether a process has ended and nobody has waited for it.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(b), ") Z ")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (db *database) configure() error {
	cert, key, pool, err := selfSigned("db.test")
	if err != nil {
		return err
	}
	db.pool = pool
	data := db.dir + "/data/"
	hba := `local all all trust
host all root 127.0.0.1/32 trust
host all trusting 127.0.0.1/32 trust
host all scram_ro 127.0.0.1/32 scram-sha-256
host all keeper 127.0.0.1/32 scram-sha-256
host all prepped 127.0.0.1/32 scram-sha-256
host all md5_ro 127.0.0.1/32 md5
host all clear_ro 127.0.0.1/32 password
`
	conf := `listen_addresses = '127.0.0.1'
ssl = on
fsync = off
max_connections = 60
logging_collector = off
log_min_messages = fatal
`
	for name, text := range map[string][]byte{"server.crt": cert, "server.key": key, "pg_hba.conf": []byte(hba)} {
		if err := writeLike(data+name, text, data+"PG_VERSION"); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(data+"postgresql.conf", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(conf)
	return err
}

// writeLike writes a private file with the owner of another.
func writeLike(name string, text []byte, like string) error {
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return err
	}
	st, err := os.Stat(like)
	if err != nil {
		return err
	}
	own := st.Sys().(*syscall.Stat_t)
	return os.Chown(name, int(own.Uid), int(own.Gid))
}

const schema = `
CREATE ROLE trusting LOGIN;
CREATE ROLE scram_ro LOGIN PASSWORD 'canary-pw';
CREATE ROLE prepped LOGIN PASSWORD U&'p\00ADa\FB01\2168';
CREATE ROLE keeper SUPERUSER LOGIN PASSWORD 'canary-of-the-keeper/7f3a';
CREATE ROLE clear_ro LOGIN PASSWORD 'canary-pw';
SET password_encryption = 'md5';
CREATE ROLE md5_ro LOGIN PASSWORD 'canary-pw';
CREATE DATABASE app;
`

const tables = `
CREATE TABLE users (id int PRIMARY KEY, name text);
INSERT INTO users SELECT n, 'user ' || n FROM generate_series(1, 1000) n;
CREATE TABLE doomed (id int);
CREATE TABLE loaded (id int, name text);
GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
GRANT ALL ON SCHEMA public TO PUBLIC;
`

func (db *database) prepare() error {
	if out, err := db.psql("postgres", schema); err != nil {
		return fmt.Errorf("schema: %w: %s", err, out)
	}
	if out, err := db.psql("app", tables); err != nil {
		return fmt.Errorf("tables: %w: %s", err, out)
	}
	return nil
}

// psql talks to the server itself, as its superuser.
func (db *database) psql(database, text string) (string, error) {
	ctx, stop := context.WithTimeout(context.Background(), enough)
	defer stop()
	cmd := exec.CommandContext(ctx, "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", db.dir, "-p", strconv.Itoa(db.port), "-U", "root", database)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (db *database) stop() {
	db.cmd.Process.Signal(syscall.SIGINT)
	late := time.AfterFunc(30*time.Second, func() { db.cmd.Process.Signal(syscall.SIGQUIT) })
	defer late.Stop()
	db.cmd.Wait()
	os.RemoveAll(db.dir)
}

func selfSigned(name string) (cert, key []byte, pool *x509.CertPool, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &k.PublicKey, k)
	if err != nil {
		return nil, nil, nil, err
	}
	kder, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, nil, nil, err
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kder})
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return cert, key, pool, nil
}

// A record is one action as the line saw it.
type record struct {
	act      *action.Action
	decision action.Decision
	revoke   context.CancelFunc
	result   action.Result
	err      error
	done     bool
}

// A line is the gateway around the protocol: it decides by a function, dials the
// database and keeps records.
type line struct {
	tb      testing.TB
	proto   *Protocol
	db      string // address of the server
	pool    *x509.CertPool
	service action.Service
	auth    *action.Auth
	secret  string // its value
	used    scrub.Set
	decide  func(*action.Action) action.Decision
	settle  func(context.Context, *action.Action, action.Decision) action.Decision
	listen  net.Listener
	agent   string
	check   func(context.Context, *action.Action) action.Decision
	wrap    func(net.Conn) net.Conn // the agent's connection
	forget  bool                    // keep no records
	tap     func([]byte)            // sees every byte to the server, behind TLS
	below   func([]byte)            // sees every byte to the server, as it travels
	ctx     context.Context
	stop    context.CancelFunc
	served  sync.WaitGroup

	mu      sync.Mutex
	records []*record
	judged  []*record // preludes too
	dials   int
	leaves  int
	ids     int
	serves  []error
}

// newLine starts a line in front of the shared database that allows everything.
func newLine(tb testing.TB, set ...func(*line)) *line {
	tb.Helper()
	db := needDatabase(tb)
	return newLineTo(tb, fmt.Sprintf("127.0.0.1:%d", db.port), db.pool, set...)
}

func newLineTo(tb testing.TB, address string, pool *x509.CertPool, set ...func(*line)) *line {
	tb.Helper()
	l := &line{
		tb: tb, db: address, pool: pool, proto: New(), agent: "agent-1",
		service: action.Service{Name: "app_db", Protocol: "postgres"},
		auth:    &action.Auth{Scheme: "password", Name: "scram_ro", Secrets: []string{"app_db"}}, secret: password,
		decide: func(*action.Action) action.Decision { return action.Decision{Verdict: action.Allow} },
	}
	for _, f := range set {
		f(l)
	}
	var err error
	if l.listen, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		tb.Fatal(err)
	}
	l.ctx, l.stop = context.WithCancel(context.Background())
	go l.accept()
	tb.Cleanup(l.close)
	return l
}

// dropsDenied refuses what drops, as a rule would.
func dropsDenied(l *line) {
	l.decide = func(a *action.Action) action.Decision {
		if strings.Contains(strings.ToUpper(a.Summary), "DROP") {
			return action.Decision{Verdict: action.Deny, Rule: "no-drop", Reason: "Tables stay."}
		}
		return action.Decision{Verdict: action.Allow}
	}
}

func (l *line) port() int { return l.listen.Addr().(*net.TCPAddr).Port }

func (l *line) accept() {
	for {
		c, err := l.listen.Accept()
		if err != nil {
			return
		}
		l.served.Go(func() { l.serve(c) })
	}
}

func (l *line) serve(c net.Conn) {
	defer c.Close()
	if l.wrap != nil {
		c = l.wrap(c)
	}
	svc := l.service
	var cert *tls.Certificate
	f := protocols.Flow{
		Peer: &action.Peer{ID: l.agent, Name: l.agent}, Service: &svc, Host: "db.internal",
		Dst:    netip.MustParseAddrPort("198.18.0.7:5432"),
		Accept: func() (net.Conn, error) { return c, nil },
		Leaf: func(name string) (*tls.Certificate, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.leaves++
			if name != "db.internal" && name != "localhost" {
				return nil, fmt.Errorf("no certificate for %q", name)
			}
			if cert == nil {
				cp, kp, _, err := selfSigned(name)
				if err != nil {
					return nil, err
				}
				pair, err := tls.X509KeyPair(cp, kp)
				if err != nil {
					return nil, err
				}
				cert = &pair
			}
			return cert, nil
		},
	}
	err := l.proto.Serve(l.ctx, f, l.do)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serves = append(l.serves, err)
}

func (l *line) close() {
	l.listen.Close()
	l.stop()
	l.served.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		if !r.done {
			l.tb.Errorf("the record of %s %q was never closed", r.act.Kind, r.act.Summary)
		}
	}
}

// pass is one action on its way through the line.
type pass struct {
	l       *line
	act     *action.Action
	waiter  protocols.Waiter
	revoked atomic.Pointer[func()]
	gone    atomic.Bool // revoked
	rec     *record
	held    bool
	left    bool
	stop    context.CancelFunc
	once    sync.Once
}

func (l *line) do(ctx context.Context, ex protocols.Exchange) (err error) {
	a := ex.Action()
	l.mu.Lock()
	l.ids++
	a.ID = fmt.Sprintf("ID%d", l.ids)
	l.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	p := &pass{l: l, act: a, stop: cancel, rec: &record{act: a}}
	p.waiter, _ = ex.(protocols.Waiter)
	d := l.judge(ctx, ex)
	p.rec.decision, p.rec.revoke = d, func() {
		cancel()
		p.gone.Store(true)
		p.tellRevoked()
	}
	if !l.forget {
		l.mu.Lock()
		l.judged = append(l.judged, p.rec)
		l.mu.Unlock()
	}
	if !l.forget && (!a.Prelude || d.Verdict != action.Allow) {
		l.mu.Lock()
		l.records = append(l.records, p.rec)
		l.mu.Unlock()
	}
	if d.Verdict != action.Allow {
		err = ex.Refuse(ctx, d)
		p.Done(action.Result{}, err)
		return err
	}
	res, err := ex.Forward(ctx, p)
	p.left = true
	if !p.held || err != nil {
		p.Done(res, err)
	}
	return err
}

func (l *line) judge(ctx context.Context, ex protocols.Exchange) action.Decision {
	a := ex.Action()
	if len(a.Parts) == 0 {
		return action.Decision{}
	}
	d := l.decide(a)
	if d.Verdict != action.Ask {
		return d
	}
	if a.Prelude {
		d.Verdict = action.Allow
		return d
	}
	if err := ex.Learn(ctx, action.Whole); err != nil {
		return action.Decision{Reason: "Too large to be approved."}
	}
	ctx, stop := ex.(protocols.Waiter).Wait(ctx, d)
	defer stop()
	return l.settle(ctx, a, d)
}

func (p *pass) Hold(revoked func()) protocols.Held {
	p.held = true
	if p.revoked.Store(&revoked); p.gone.Load() {
		p.tellRevoked()
	}
	return p
}

func (p *pass) tellRevoked() {
	if f := p.revoked.Swap(nil); f != nil {
		(*f)()
	}
}

func (p *pass) Check(ctx context.Context) action.Decision {
	if p.l.check != nil {
		ctx, stop := p.waiter.Wait(ctx, action.Decision{})
		defer stop()
		return p.l.check(ctx, p.act)
	}
	d := p.l.decide(p.act)
	if d.Verdict == action.Ask {
		return p.rec.decision // it was answered
	}
	return d
}

func (p *pass) Done(r action.Result, err error) {
	p.once.Do(func() {
		p.stop()
		p.l.mu.Lock()
		defer p.l.mu.Unlock()
		p.rec.result, p.rec.err, p.rec.done = r, err, true
	})
}

func (p *pass) Link(ctx context.Context, open protocols.Open) (protocols.Link, *vault.Credential, error) {
	if p.left {
		return nil, nil, errors.New("this action is over")
	}
	p.l.mu.Lock()
	p.l.dials++
	p.l.mu.Unlock()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", p.l.db)
	if err != nil {
		return nil, nil, err
	}
	link, err := open.Dress(ctx, &testWire{Conn: c, l: p.l})
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	if p.l.tap != nil {
		l := link.(*upstream.Link)
		l.Conn = tapped{l.Conn, p.l.tap}
	}
	if p.l.auth == nil {
		return link, nil, nil
	}
	cred, err := vault.NewCredential(*p.l.auth, vault.NewSecret([]byte(p.l.secret)))
	if err == nil {
		p.l.used.With("app_db", 1, []byte(p.l.secret))
		cred.LookFor(&p.l.used)
	}
	return link, cred, err
}

type tapped struct {
	net.Conn
	see func([]byte)
}

func (t tapped) Write(b []byte) (int, error) {
	t.see(b)
	return t.Conn.Write(b)
}

type testWire struct {
	net.Conn
	l *line
}

func (w *testWire) Write(b []byte) (int, error) {
	if w.l.below != nil {
		w.l.below(b)
	}
	return w.Conn.Write(b)
}

func (w *testWire) Secure(ctx context.Context, alpn ...string) (*tls.Conn, error) {
	c := tls.Client(w, &tls.Config{ServerName: "db.test", RootCAs: w.l.pool, NextProtos: alpn, MinVersion: tls.VersionTLS12})
	return c, c.HandshakeContext(ctx)
}

// url is how a client reaches the line.
func (l *line) url(extra string) string {
	return fmt.Sprintf("postgres://anybody:anything@127.0.0.1:%d/app?sslmode=disable%s", l.port(), extra)
}

// find gives the records of one kind.
func (l *line) find(kind string) []record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []record
	for _, r := range l.records {
		if r.act.Kind == kind {
			out = append(out, *r)
		}
	}
	return out
}

// await polls until ok, or fails the test.
func await(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			tb.Fatalf("never happened: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// psql runs the real psql through the line.
func (l *line) psql(extra, text string, args ...string) (string, error) {
	args = append(slices.Clone(args), "-X", "-q", "-A", "-t", l.url(extra))
	ctx, stop := context.WithTimeout(context.Background(), enough)
	defer stop()
	cmd := exec.CommandContext(ctx, "psql", args...)
	cmd.Stdin = strings.NewReader(text)
	cmd.Env = append(os.Environ(), "PGCLIENTENCODING=")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
