package pgserver

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"sallyport.dev/sallyport/internal/notrun"

	"github.com/jackc/pgx/v5"
)

func TestAServerTakesItsPassword(t *testing.T) {
	s, err := Start(t.Context(), Options{Password: "secret"})
	if errors.Is(err, ErrMissing) {
		notrun.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := pgx.Connect(t.Context(), s.URL("postgres", "secret", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := pgx.Connect(t.Context(), s.URL("postgres", "wrong", "postgres")); err == nil {
		t.Error("a wrong password was taken")
	}
}

func TestAServerOfAMajor(t *testing.T) {
	s, err := Start(t.Context(), Options{Major: 18, Password: "secret"})
	if errors.Is(err, ErrMissing) {
		notrun.Skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := pgx.Connect(t.Context(), s.URL("postgres", "secret", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if got := c.PgConn().ParameterStatus("server_version"); !strings.HasPrefix(got, "18.") {
		t.Errorf("it is %s", got)
	}
	if _, err := Start(t.Context(), Options{Major: 7, Password: "secret"}); !errors.Is(err, ErrMissing) {
		t.Errorf("a server of 1996: %v", err)
	}
}

func TestProgramsInAPrivateFolderAreCopied(t *testing.T) {
	private := t.TempDir()
	if err := os.MkdirAll(private+"/18/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(private+"/18/bin/postgres", []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := &Server{Dir: t.TempDir()}
	for _, c := range []struct {
		name string
		who  *syscall.Credential
		want string
	}{
		{"for oneself", nil, private + "/18/bin"},
		{"for another user", &syscall.Credential{}, s.Dir + "/programs/bin"},
	} {
		got, err := s.reachable(private+"/18/bin", c.who)
		if err != nil || got != c.want {
			t.Errorf("%s: %s, %v, want %s", c.name, got, err, c.want)
		}
		if info, err := os.Stat(got + "/postgres"); err != nil || info.Mode().Perm()&0o111 == 0 {
			t.Errorf("%s: no program there: %v", c.name, err)
		}
	}
}
