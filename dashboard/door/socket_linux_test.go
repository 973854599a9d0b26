package door_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/internal/notrun"
)

// somebody is a user who neither runs the gateway nor is root.
const somebody = 65534

// listen serves "hello" on an admin socket that anybody could reach.
func listen(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sallyport-socket-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "admin.sock")
	l, err := door.ListenAdmin(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v, %v", info.Mode(), err)
	}
	for p, mode := range map[string]os.FileMode{dir: 0o755, path: 0o666} {
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
	}
	srv := &http.Server{ConnContext: door.ConnContext, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "hello")
	})}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(l) }() //nolint:errcheck // it ends when the test closes it
	t.Cleanup(func() { srv.Close(); <-done })
	return path
}

// greet calls on the socket and gives what it says.
func greet(path string) (string, error) {
	c, err := net.Dial("unix", path)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return "", err
	}
	b, err := io.ReadAll(c)
	return string(b), err
}

func TestTheAdminSocketIsForItsUser(t *testing.T) {
	path := listen(t)
	if got, err := greet(path); err != nil || !strings.Contains(got, "hello") {
		t.Errorf("its own user gets %q, %v", got, err)
	}
}

func TestTheAdminSocketRefusesOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		notrun.Skip(t, "only root can act as another user")
	}
	path := listen(t)
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer)
	go func() {
		// The kernel tells the listener who the thread was that connected; the
		// thread is thrown away with its other user.
		runtime.LockOSThread()
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, somebody, somebody, somebody); errno != 0 {
			done <- answer{err: fmt.Errorf("setresuid: %w", errno)}
			return
		}
		text, err := greet(path)
		done <- answer{text, err}
	}()
	a := <-done
	if strings.Contains(a.text, "hello") {
		t.Errorf("another user gets %q", a.text)
	}
	if a.err != nil && strings.Contains(a.err.Error(), "setresuid") {
		t.Fatal(a.err)
	}
	if got, err := greet(path); err != nil || !strings.Contains(got, "hello") {
		t.Errorf("after that, its own user gets %q, %v", got, err)
	}
}

func TestAnOldSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	for range 2 {
		l, err := door.ListenAdmin(path)
		if err != nil {
			t.Fatal(err)
		}
		l.(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(false) // as after kill -9
		l.Close()
	}
	if _, err := door.ListenAdmin(filepath.Join(path, "x")); err == nil {
		t.Error("a socket below a file")
	}
}
