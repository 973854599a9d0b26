package vault

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestLoadOrCreateKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	var g sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		g.Go(func() {
			k, err := LoadOrCreateKey(path)
			if err != nil {
				t.Error(err)
			}
			ids[i] = k.ID()
		})
	}
	g.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Errorf("two keys: %v", ids)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".key-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	again, err := LoadOrCreateKey(path)
	if err != nil || again.ID() != ids[0] {
		t.Errorf("%s %v", again.ID(), err)
	}
}

func TestLoadKeyRefuses(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(make([]byte, keySize))
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"readable by the group":  {good, 0o640, "chmod 600"},
		"readable by all":        {good, 0o604, "chmod 600"},
		"writable by the group":  {good, 0o620, "chmod 600"},
		"empty":                  {"", 0o600, "EOF"},
		"too short":              {good[:40], 0o600, "32 bytes"},
		"no base64":              {strings.Repeat("!", 44), 0o600, "32 bytes"},
		"another kind of secret": {"-----BEGIN OPENSSH PRIVATE KEY-----", 0o600, "32 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			_, err := LoadOrCreateKey(path)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if c.text != "" && err != nil && strings.Contains(err.Error(), c.text) {
				t.Errorf("the error shows the file: %v", err)
			}
		})
	}
	if _, err := LoadOrCreateKey(t.TempDir()); err == nil {
		t.Error("a directory is a key")
	}
	if _, err := LoadOrCreateKey(filepath.Join(t.TempDir(), "no", "key")); err == nil {
		t.Error("a key was made in no directory")
	}
}

func TestParseKey(t *testing.T) {
	b := []byte("0123456789abcdef0123456789abcde\xff")
	var ids []string
	for _, text := range []string{
		hex.EncodeToString(b), base64.StdEncoding.EncodeToString(b), base64.RawStdEncoding.EncodeToString(b),
		base64.URLEncoding.EncodeToString(b), " " + base64.RawURLEncoding.EncodeToString(b) + "\n",
	} {
		k, err := ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, k.ID())
	}
	for _, id := range ids {
		if id != ids[0] || strings.Contains(hex.EncodeToString(b), id) {
			t.Errorf("ids: %v", ids)
		}
	}
}

// FuzzSealed opens what a damaged or hostile store may give back: it never
// panics, and never gives anything but what was sealed.
func FuzzSealed(f *testing.F) {
	k := testKey(1)
	s, err := seal(k, Sealed{Name: "a", Version: 1, Created: time.Unix(1, 0)}, []byte(canary))
	if err != nil {
		f.Fatal(err)
	}
	good, err := json.Marshal(s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"name":"a","key":"` + k.ID() + `","dek":"AA==","data":""}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Sealed
		if json.Unmarshal(b, &s) != nil {
			return
		}
		if v, err := s.open(k); err == nil && string(v.Reveal()) != canary {
			t.Fatalf("%q opened", b)
		}
		m := newMemory()
		m.all[s.Name] = s
		if v, err := Open(t.Context(), m, k); err == nil {
			v.List()
		}
	})
}

// FuzzParseKey reads text that is no key.
func FuzzParseKey(f *testing.F) {
	f.Add(strings.Repeat("ab", keySize))
	f.Add(base64.StdEncoding.EncodeToString(make([]byte, keySize)))
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := ParseKey(s); err == nil && len(k.secret.Reveal()) != keySize {
			t.Fatalf("%q gives %d bytes", s, len(k.secret.Reveal()))
		}
	})
}

func TestHarden(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	if err := Harden(); err != nil {
		t.Fatal(err)
	}
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &now); err != nil || now.Cur != 0 || now.Max != 0 {
		t.Errorf("%+v %v", now, err)
	}
	if err := Harden(); err != nil {
		t.Errorf("a second time: %v", err)
	}
}
