// Package world starts what a run of the benchmark consists of: upstreams, a
// database, references and gateways, each in a process of its own, and an agent
// for each. Whatever it starts dies with the program. It measures nothing.
package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"sallyport.dev/sallyport/internal/bench/agent"
	"sallyport.dev/sallyport/internal/bench/reference"
	"sallyport.dev/sallyport/internal/bench/roles"
	"sallyport.dev/sallyport/internal/pgserver"
	"sallyport.dev/sallyport/internal/pki"

	"github.com/jackc/pgx/v5"
)

// Options of a world.
type Options struct {
	Keep    bool   // leave the working folder
	Profile string // folder for CPU profiles; "": none
	Binary  string // of the gateway; "": built from this module
	Say     func(format string, args ...any)
}

// A World is everything that a run starts. Parts ask for what they need; what
// was started is kept for the next part and ended by close.
type World struct {
	options   Options
	Dir       string // working folder
	log       *os.File
	ca        *pki.Authority // signs the upstream
	agentCA   *pki.Authority // signs what the proxy shows
	upstream  roles.UpstreamReady
	pg        *pgserver.Server
	binary    string   // of the gateway
	bouncer   *Process // nil until a reference needs it
	bouncerAt string
	processes []*Process
	targets   map[string]*Target
	agents    []*agent.Client
	tailnet   *tailnet // nil until a variant needs it
}

// New starts the upstreams; everything else starts when it is asked for.
func New(ctx context.Context, o Options) (_ *World, err error) {
	w := &World{options: o, targets: make(map[string]*Target)}
	if w.Dir, err = os.MkdirTemp("", "sallyport-bench-"); err != nil {
		return nil, fmt.Errorf("working folder: %w", err)
	}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	if w.log, err = os.Create(filepath.Join(w.Dir, "bench.log")); err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	w.options.Say("working folder %s", w.Dir)
	if w.ca, err = pki.New("bench upstreams"); err != nil {
		return nil, err
	}
	if w.agentCA, err = pki.New("bench proxy"); err != nil {
		return nil, err
	}
	cert, key, err := w.ca.IssuePEM(APIName, "127.0.0.1")
	if err != nil {
		return nil, err
	}
	if _, err := w.Spawn("upstream", "upstream", roles.UpstreamConfig{Cert: cert, Key: key}, &w.upstream); err != nil {
		return nil, err
	}
	if err := w.startDatabase(ctx); err != nil {
		return nil, err
	}
	return w, nil
}

// startDatabase runs PostgreSQL with what is asked of it in every variant.
func (w *World) startDatabase(ctx context.Context) (err error) {
	w.pg, err = pgserver.Start(ctx, pgserver.Options{
		Password: DBPassword, Log: w.log,
		Settings: map[string]string{"max_connections": "1200", "shared_buffers": "128MB"},
	})
	if err != nil {
		return err
	}
	admin, err := pgx.Connect(ctx, w.pg.URL("postgres", DBPassword, "postgres"))
	if err != nil {
		return fmt.Errorf("prepare the database: %w", err)
	}
	defer admin.Close(ctx) //nolint:errcheck // nothing is left to lose
	for _, text := range []string{
		"create role " + DBUser + " login password '" + DBPassword + "'",
		"create database " + Database + " owner " + DBUser,
	} {
		if _, err := admin.Exec(ctx, text); err != nil {
			return fmt.Errorf("prepare the database: %w", err)
		}
	}
	app, err := pgx.Connect(ctx, w.pg.URL(DBUser, DBPassword, Database))
	if err != nil {
		return fmt.Errorf("prepare the database: %w", err)
	}
	defer app.Close(ctx) //nolint:errcheck // as above
	_, err = app.Exec(ctx, `create table items (id int primary key, v text);
		insert into items select g, repeat(md5(g::text), 3) from generate_series(1, 1000) g;
		create unlogged table sink (v text);
		analyze items`)
	if err != nil {
		return fmt.Errorf("prepare the database: %w", err)
	}
	return nil
}

// Target gives a variant, started when it is first asked for.
func (w *World) Target(ctx context.Context, name string) (*Target, error) {
	if t := w.targets[name]; t != nil {
		return t, nil
	}
	w.options.Say("starting %s", name)
	t, err := w.startTarget(ctx, name)
	if err != nil {
		return nil, err
	}
	w.targets[name] = t
	return t, nil
}

func (w *World) startTarget(ctx context.Context, name string) (*Target, error) {
	ports := map[uint16]string{443: w.upstream.HTTPS, 80: w.upstream.HTTP, 5432: w.pg.Address()}
	switch name {
	case "direct":
		return w.direct()
	case "bare":
		return w.forward(name, reference.Options{Ports: ports}, w.ca)
	case "proxy":
		cert, key, err := w.agentCA.IssuePEM(APIName)
		if err != nil {
			return nil, err
		}
		return w.forward(name, reference.Options{Ports: ports, Proxy: &reference.Proxy{
			Cert: cert, Key: key, Roots: w.ca.PEM(), Upstream: w.upstream.HTTPS, Name: APIName, Token: APIToken,
		}}, w.agentCA)
	case "ts-splice":
		return w.tailnetSplice(ctx, name)
	case "ts-sallyport":
		return w.tailnetGateway(ctx, name)
	case "splice":
		return w.splice()
	case "pgbouncer":
		bouncer, at, err := w.startBouncer()
		if err != nil {
			return nil, err
		}
		return w.beside(name, at, bouncer)
	case "pgb":
		bouncer, at, err := w.startBouncer()
		if err != nil {
			return nil, err
		}
		t, err := w.forward(name, reference.Options{Ports: map[uint16]string{5432: at}}, w.ca)
		if err != nil {
			return nil, err
		}
		t.pids = append(t.pids, bouncer.pid())
		return t, nil
	}
	return w.gateway(ctx, name)
}

// ErrNoBouncer means that a reference is not to be had here.
var ErrNoBouncer = errors.New("pgbouncer is not installed (Debian: apt-get install pgbouncer)")

// startBouncer runs pgbouncer, once, which refuses to be root.
func (w *World) startBouncer() (*Process, string, error) {
	if w.bouncer != nil {
		return w.bouncer, w.bouncerAt, nil
	}
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			return nil, "", ErrNoBouncer
		}
	}
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	ini := filepath.Join(w.pg.Dir, "pgbouncer.ini") // a folder that its user may enter
	text := fmt.Sprintf("[databases]\n%s = host=127.0.0.1 port=%d user=%s password=%s\n"+
		"[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port=%d\nunix_socket_dir=\nauth_type=any\npool_mode=session\nmax_client_conn=500\ndefault_pool_size=100\n",
		Database, w.pg.Port, DBUser, DBPassword, port)
	if err := os.WriteFile(ini, []byte(text), 0o600); err != nil {
		return nil, "", fmt.Errorf("pgbouncer: %w", err)
	}
	cmd := exec.Command(path, ini)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		if cmd.SysProcAttr.Credential, err = give(ini); err != nil {
			return nil, "", fmt.Errorf("pgbouncer: %w", err)
		}
	}
	p, err := w.Start("pgbouncer", cmd)
	if err != nil {
		return nil, "", err
	}
	w.bouncer, w.bouncerAt = p, fmt.Sprintf("127.0.0.1:%d", port)
	return p, w.bouncerAt, awaitTCP(w.bouncerAt, 5*time.Second)
}

// give hands a file to a user without rights, and gives the user.
func give(path string) (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, err
	}
	if err := os.Chown(path, uid, gid); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// Close ends everything, the last first.
func (w *World) Close() {
	for _, a := range w.agents {
		a.Close()
	}
	for i := len(w.processes) - 1; i >= 0; i-- {
		w.processes[i].Stop()
	}
	if w.tailnet != nil {
		w.tailnet.control.Close()
	}
	if w.pg != nil {
		w.pg.Close() //nolint:errcheck // its folder is temporary
	}
	if w.log != nil {
		w.log.Close()
	}
	if w.options.Keep {
		w.options.Say("kept %s", w.Dir)
		return
	}
	os.RemoveAll(w.Dir)
}

// LogName is the file that everything's stderr goes to.
func (w *World) LogName() string { return w.log.Name() }
