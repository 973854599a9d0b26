package pgserver

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// A missingMajor is the major of a server that is not installed.
type missingMajor int

func (m missingMajor) Error() string {
	return fmt.Sprintf("PostgreSQL %d is not installed (contrib/dev/npm-postgres %d)", int(m), int(m))
}

// Is makes it an ErrMissing.
func (m missingMajor) Is(target error) bool { return target == ErrMissing }

// programs gives the folder of the programs of a major: Debian's, or what
// contrib/dev/npm-postgres unpacked in the .cache of this tree.
func programs(major int) (string, error) {
	if major == 0 {
		found, err := Find("postgres")
		return filepath.Dir(found), err
	}
	name := strconv.Itoa(major)
	places := []string{filepath.Join("/usr/lib/postgresql", name, "bin")}
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		places = append(places, filepath.Join(dir, ".cache/postgres", name, "bin"))
	}
	for _, bin := range places {
		if _, err := os.Stat(filepath.Join(bin, "postgres")); err == nil {
			return bin, nil
		}
	}
	return "", missingMajor(major)
}

// reachable gives a folder of the same programs that another user can enter: a
// copy in the server's own where the tree is private.
func (s *Server) reachable(bin string, who *syscall.Credential) (string, error) {
	real, err := filepath.EvalSymlinks(bin)
	if err != nil {
		return "", fmt.Errorf("programs of the server: %w", err)
	}
	if who == nil || open(real) {
		return real, nil
	}
	to := filepath.Join(s.Dir, "programs")
	if err := os.CopyFS(to, os.DirFS(filepath.Dir(real))); err != nil {
		return "", fmt.Errorf("copy the programs of the server: %w", err)
	}
	return filepath.Join(to, "bin"), nil
}
