package keyring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/seal"
)

// memory is a backend of the vault.
type memory struct {
	all  map[string]seal.Sealed
	fail error
}

func (m *memory) LoadSealed(context.Context) ([]seal.Sealed, error) {
	var all []seal.Sealed
	for _, s := range m.all {
		all = append(all, s)
	}
	return all, nil
}

func (m *memory) SaveSealed(_ context.Context, list ...seal.Sealed) error {
	for _, s := range list {
		if m.fail == nil {
			m.all[s.Name] = s
		}
	}
	return m.fail
}

func (m *memory) DeleteSealed(_ context.Context, name string) error {
	delete(m.all, name)
	return nil
}

// backwards is a Transit that keeps its texts to itself.
type backwards struct{ down error }

func (b *backwards) Encrypt(_ context.Context, plain []byte) (string, error) {
	return "vault:v1:" + reverse(string(plain)), b.down
}

func (b *backwards) Decrypt(_ context.Context, sealed string) ([]byte, error) {
	return []byte(reverse(strings.TrimPrefix(sealed, "vault:v1:"))), b.down
}

func reverse(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

func phrase(text string) func(context.Context, bool) ([]byte, error) {
	return func(context.Context, bool) ([]byte, error) { return []byte(text), nil }
}

// finders are the ways to a key that is the gateway's own to replace.
var finders = map[string]func(t *testing.T, path string, fresh bool) (*Ring, error){
	"file": func(t *testing.T, path string, fresh bool) (*Ring, error) { return File(t.Context(), path, fresh) },
	"passphrase": func(t *testing.T, path string, fresh bool) (*Ring, error) {
		return passphrase(t.Context(), path, fresh, phrase("correct horse"), 64)
	},
	"transit": func(t *testing.T, path string, fresh bool) (*Ring, error) {
		return Sealed(t.Context(), path, fresh, &backwards{})
	},
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// A gateway dies at every step of a rotation; whatever it finds afterwards opens
// its secrets, and in the end only the new key does.
func TestARotationThatIsCutShort(t *testing.T) {
	for name, find := range finders {
		for _, step := range []string{"before", "staged", "wrapped", "settled"} {
			path := filepath.Join(t.TempDir(), "key")
			m := &memory{all: map[string]seal.Sealed{}}
			ring := must[*Ring](t)(find(t, path, true))
			v := must[*vault.Vault](t)(vault.Open(t.Context(), m, ring.Key))
			if err := v.Put(t.Context(), "a", vault.NewSecret([]byte("value")), ""); err != nil {
				t.Fatal(err)
			}
			first := ring.Key
			if step != "before" {
				ring = must[*Ring](t)(ring.Next(t.Context()))
			}
			if step == "wrapped" || step == "settled" {
				if err := v.Rotate(t.Context(), ring.Key); err != nil {
					t.Fatal(err)
				}
			}
			if step == "settled" {
				if err := ring.Settle(); err != nil {
					t.Fatal(err)
				}
			}
			again := must[*Ring](t)(find(t, path, false))
			v = must[*vault.Vault](t)(vault.Open(t.Context(), m, again.Key, again.Old...))
			if err := again.Settle(); err != nil {
				t.Fatal(err)
			}
			if !v.Has("a") {
				t.Errorf("%s, %s: the secret is lost: %+v", name, step, v.List())
			}
			last := must[*Ring](t)(find(t, path, false))
			if (last.Key.ID() == first.ID()) != (step == "before") || len(last.Old) != 0 {
				t.Errorf("%s, %s: key %s of %s, old %d", name, step, last.Key.ID(), first.ID(), len(last.Old))
			}
			if _, err := vault.Open(t.Context(), m, last.Key); err != nil {
				t.Errorf("%s, %s: %v", name, step, err)
			}
			if _, err := os.Stat(path + staged); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s, %s: a staged key is left", name, step)
			}
		}
	}
}

// No key is made where there are secrets.
func TestAMissingKeyIsNotMade(t *testing.T) {
	for name, find := range finders {
		path := filepath.Join(t.TempDir(), "key")
		if _, err := find(t, path, false); !errors.Is(err, ErrMissing) {
			t.Errorf("%s: %v", name, err)
		}
		if files, _ := filepath.Glob(filepath.Dir(path) + "/*"); len(files) != 0 {
			t.Errorf("%s left %v", name, files)
		}
	}
}

func TestStartsThatMeetMakeOneKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	var g sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		g.Go(func() {
			r, err := File(context.Background(), path, true)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = r.Key.ID()
		})
	}
	g.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Errorf("two keys: %v", ids)
		}
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".key-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestFilesThatAreNoKey(t *testing.T) {
	good := strings.Repeat("07", keySize)
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"readable by the group":  {good, 0o640, "chmod 600"},
		"readable by all":        {good, 0o604, "chmod 600"},
		"writable by the group":  {good, 0o620, "chmod 600"},
		"empty":                  {"", 0o600, "32 bytes"},
		"too short":              {good[:40], 0o600, "32 bytes"},
		"no base64":              {strings.Repeat("!", 44), 0o600, "32 bytes"},
		"another kind of secret": {"-----BEGIN OPENSSH PRIVATE KEY-----", 0o600, "32 bytes"},
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := File(t.Context(), path, true)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if c.text != "" && err != nil && strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: the error shows the file: %v", name, err)
		}
	}
	if _, err := File(t.Context(), t.TempDir(), true); err == nil {
		t.Error("a directory is a key")
	}
	if _, err := File(t.Context(), filepath.Join(t.TempDir(), "no", "key"), true); err == nil {
		t.Error("a key was made in no directory")
	}
}

func TestKeysAreNobodyElses(t *testing.T) {
	for name, find := range finders {
		path := filepath.Join(t.TempDir(), "key")
		must[*Ring](t)(find(t, path, true))
		info := must[os.FileInfo](t)(os.Stat(path))
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", name, info.Mode())
		}
	}
	path := filepath.Join(t.TempDir(), "key")
	must[*Ring](t)(File(t.Context(), path, true))
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := File(t.Context(), path, false); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("%v", err)
	}
}

func TestWrongPassphrase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	r := must[*Ring](t)(Passphrase(t.Context(), path, true, func(_ context.Context, again bool) ([]byte, error) {
		if !again {
			t.Error("a new passphrase is asked for once only")
		}
		return []byte("one"), nil
	}))
	if _, err := Passphrase(t.Context(), path, true, phrase("two")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("%v", err)
	}
	same := must[*Ring](t)(Passphrase(t.Context(), path, false, phrase("one")))
	if same.Key.ID() != r.Key.ID() {
		t.Error("another key")
	}
	for _, damage := range []string{"", "{}", `{"kdf":"argon2id","time":1000000,"memory_kib":64,"threads":1,"salt":"AAAAAAAAAAAAAAAA","sealed":"AA=="}`, `{"kdf":"argon2id","time":1,"memory_kib":4000000000,"threads":1,"salt":"AAAAAAAAAAAAAAAA"}`} {
		if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Passphrase(t.Context(), path, true, phrase("one")); err == nil {
			t.Errorf("%q gives a key", damage)
		}
	}
}

func TestATransitThatIsDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	down := errors.New("connection refused")
	if _, err := Sealed(t.Context(), path, true, &backwards{down}); !errors.Is(err, down) {
		t.Errorf("%v", err)
	}
	must[*Ring](t)(Sealed(t.Context(), path, true, &backwards{}))
	if _, err := Sealed(t.Context(), path, true, &backwards{down}); !errors.Is(err, down) {
		t.Errorf("%v", err)
	}
	text := must[[]byte](t)(os.ReadFile(path))
	if _, err := seal.ParseKey(string(text)); err == nil {
		t.Error("the key lies open")
	}
}

// Keys that others keep come with the ones before them.
func TestKeysOfOthers(t *testing.T) {
	one, two := strings.Repeat("01", keySize), strings.Repeat("02", keySize)
	dir := t.TempDir()
	for name, text := range map[string]string{"sallyport": two, "sallyport.old": one, "alone": two, "bad": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o440); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"CREDENTIALS_DIRECTORY": dir, "K": two, "K_OLD": one, "L": two, "M": "x", "N": two, "N_OLD": "x"}
	get := func(name string) string { return env[name] }
	for name, c := range map[string]struct {
		find func() (*Ring, error)
		old  int
		ok   bool
	}{
		"env":            {func() (*Ring, error) { return Env(get, "K") }, 1, true},
		"env alone":      {func() (*Ring, error) { return Env(get, "L") }, 0, true},
		"env bad":        {func() (*Ring, error) { return Env(get, "M") }, 0, false},
		"env bad old":    {func() (*Ring, error) { return Env(get, "N") }, 0, false},
		"env none":       {func() (*Ring, error) { return Env(get, "O") }, 0, false},
		"systemd":        {func() (*Ring, error) { return Systemd(get, "sallyport") }, 1, true},
		"systemd alone":  {func() (*Ring, error) { return Systemd(get, "alone") }, 0, true},
		"systemd bad":    {func() (*Ring, error) { return Systemd(get, "bad") }, 0, false},
		"systemd none":   {func() (*Ring, error) { return Systemd(get, "none") }, 0, false},
		"without a unit": {func() (*Ring, error) { return Systemd(func(string) string { return "" }, "sallyport") }, 0, false},
	} {
		r, err := c.find()
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		if len(r.Old) != c.old || r.Settle() != nil {
			t.Errorf("%s: %d old keys", name, len(r.Old))
		}
		if _, err := r.Next(t.Context()); !errors.Is(err, vault.ErrElsewhere) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzSealedFile(f *testing.F) {
	f.Add([]byte(`{"kdf":"argon2id","time":1,"memory_kib":64,"threads":1,"salt":"AAAAAAAAAAAAAAAA","sealed":"AAAA"}`))
	f.Add([]byte(`{"sealed":"vault:v1:x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if strings.Contains(string(b), "memory_kib") && len(b) > 200 {
			return // what it costs is bounded, but a fuzzer has better things to do
		}
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := Sealed(t.Context(), path, false, &backwards{}); err == nil && r.Key.ID() == "" {
			t.Error("a key without an id")
		}
		if _, err := (plain{}).load(t.Context(), path); err != nil {
			t.Error(fmt.Errorf("%q: %w", b, err))
		}
	})
}
