// Package pgserver runs a throw-away PostgreSQL server for the demo, the tests
// and the benchmark. It uses the server binaries of this machine and never the
// machine's own cluster. The server listens on loopback only.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrMissing means that no PostgreSQL server is installed, or none of the major
// that is asked for.
var ErrMissing = errors.New("no PostgreSQL server is installed (Debian: apt-get install postgresql)")

// stopTimeout is how long a fast shutdown may take before the server is killed.
const stopTimeout = 30 * time.Second

// Options of a server; the zero value is a plain one.
type Options struct {
	Major    int               // 0: the newest that is installed
	Password string            // of the superuser "postgres"; required
	Auth     string            // "scram-sha-256" (default), "md5" or "password"
	Cert     string            // PEM files; with both, the server offers TLS
	Key      string            //
	Clients  string            // PEM file: the CA of client certificates
	HBA      []string          // lines of pg_hba.conf before its own
	Settings map[string]string // further lines of postgresql.conf
	Log      io.Writer         // the server's log; nil drops it
}

// A Server is one running server. Close it.
type Server struct {
	Host string
	Port uint16
	Dir  string

	cmd  *exec.Cmd
	done chan struct{}
}

// Find gives the path of a server program, newest version first.
func Find(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	if err != nil || len(found) == 0 {
		return "", ErrMissing
	}
	slices.SortFunc(found, func(a, b string) int { return major(b) - major(a) })
	return found[0], nil
}

func major(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[4]) // of /usr/lib/postgresql/15/bin/…; 0 sorts last
	return n
}

// Start makes a cluster in a new folder below the system's temporary one and
// starts it. PostgreSQL refuses to run as root; root runs it as another user.
func Start(ctx context.Context, o Options) (*Server, error) {
	bin, err := programs(o.Major)
	if err != nil {
		return nil, err
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(base(who), "sallyport-pg-")
	if err != nil {
		return nil, fmt.Errorf("folder of the server: %w", err)
	}
	s := &Server{Host: "127.0.0.1", Dir: dir}
	if bin, err = s.reachable(bin, who); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := s.create(ctx, filepath.Join(bin, "initdb"), o, who); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	err = s.run(ctx, filepath.Join(bin, "postgres"), o, who)
	for try := 1; errors.Is(err, errEnded) && try < portTries; try++ {
		err = s.run(ctx, filepath.Join(bin, "postgres"), o, who)
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

// portTries is how often a port is looked for: between being found and being taken a
// free one may become somebody else's.
const portTries = 3

var errEnded = errors.New("postgres ended while starting")

// base is the system's temporary folder, or /tmp where another user could not
// reach into that one.
func base(who *syscall.Credential) string {
	tmp := os.TempDir()
	if who == nil || open(tmp) {
		return tmp
	}
	return "/tmp"
}

// open reports whether everybody may pass through a folder and those above it.
func open(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// create makes the cluster.
func (s *Server) create(ctx context.Context, initdb string, o Options, who *syscall.Credential) error {
	if who != nil {
		if err := os.Chown(s.Dir, int(who.Uid), int(who.Gid)); err != nil {
			return fmt.Errorf("folder of the server: %w", err)
		}
	}
	auth := o.Auth
	if auth == "" {
		auth = "scram-sha-256"
	}
	password := filepath.Join(s.Dir, "password")
	if err := s.write(password, o.Password+"\n", who); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, initdb, "-D", s.data(), "-U", "postgres", "-A", auth,
		"--pwfile="+password, "-E", "UTF8", "--locale=C", "--no-sync")
	cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Credential: who}, s.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if err := os.Remove(password); err != nil {
		return fmt.Errorf("remove the password file: %w", err)
	}
	return s.configure(o, auth, who)
}

// configure writes the settings of the cluster.
func (s *Server) configure(o Options, auth string, who *syscall.Credential) error {
	conf := map[string]string{
		"listen_addresses": "127.0.0.1", "unix_socket_directories": s.Dir, "fsync": "off",
		"max_connections": "200", "shared_buffers": "64MB", "password_encryption": "scram-sha-256",
	}
	if auth == "md5" {
		conf["password_encryption"] = "md5"
	}
	if o.Cert != "" {
		files := map[string]string{"server.crt": o.Cert, "server.key": o.Key}
		if o.Clients != "" {
			files["root.crt"], conf["ssl_ca_file"] = o.Clients, "root.crt"
		}
		for name, from := range files {
			pem, err := os.ReadFile(from)
			if err != nil {
				return fmt.Errorf("certificate of the server: %w", err)
			}
			if err := s.write(filepath.Join(s.data(), name), string(pem), who); err != nil {
				return err
			}
		}
		conf["ssl"] = "on"
	}
	if err := s.admit(o.HBA, who); err != nil {
		return err
	}
	for k, v := range o.Settings {
		conf[k] = v
	}
	var text strings.Builder
	for k, v := range conf {
		fmt.Fprintf(&text, "%s = '%s'\n", k, strings.ReplaceAll(v, "'", "''"))
	}
	return s.write(filepath.Join(s.data(), "postgresql.auto.conf"), text.String(), who)
}

// admit puts lines before those of pg_hba.conf: the first that fits counts.
func (s *Server) admit(lines []string, who *syscall.Credential) error {
	path := filepath.Join(s.data(), "pg_hba.conf")
	was, err := os.ReadFile(path)
	if err != nil || len(lines) == 0 {
		return err
	}
	return s.write(path, strings.Join(lines, "\n")+"\n"+string(was), who)
}

// run starts the server and waits until it takes connections.
func (s *Server) run(ctx context.Context, postgres string, o Options, who *syscall.Credential) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	s.Port, s.done = port, make(chan struct{})
	s.cmd = exec.Command(postgres, "-D", s.data(), "-p", strconv.Itoa(int(port)))
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Pdeathsig: syscall.SIGQUIT}
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.Dir, o.Log, o.Log
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	go func() {
		defer close(s.done)
		s.cmd.Wait() //nolint:errcheck // stop asked for it, or await tells
	}()
	if err := s.await(ctx); err != nil {
		s.stop()
		return err
	}
	return nil
}

// await polls pg_ctl's own sign of readiness, the status line of postmaster.pid.
func (s *Server) await(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		b, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
		if err == nil && strings.Contains(string(b), "ready") {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.done:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("wait for postgres: %w", ctx.Err())
		}
	}
}

// Close stops the server and removes its folder.
func (s *Server) Close() error {
	s.stop()
	return os.RemoveAll(s.Dir)
}

func (s *Server) stop() {
	s.cmd.Process.Signal(syscall.SIGINT) //nolint:errcheck // it may have ended already
	select {
	case <-s.done:
	case <-time.After(stopTimeout):
		s.cmd.Process.Signal(syscall.SIGQUIT) //nolint:errcheck // likewise
		<-s.done
	}
}

// Address is where the server listens.
func (s *Server) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port))) }

// URL gives a connection URL for a user of the server.
func (s *Server) URL(user, password, database string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s", user, password, s.Address(), database)
}

// Socket is the folder of the Unix socket, for psql's -h.
func (s *Server) Socket() string { return s.Dir }

func (s *Server) data() string { return filepath.Join(s.Dir, "data") }

// write writes a file that only the server's user can read.
func (s *Server) write(path, text string, who *syscall.Credential) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if who == nil {
		return nil
	}
	if err := os.Chown(path, int(who.Uid), int(who.Gid)); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

// unprivileged gives the user to run as, nil for the present one.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

func freePort(ctx context.Context) (uint16, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return uint16(l.Addr().(*net.TCPAddr).Port), nil
}
