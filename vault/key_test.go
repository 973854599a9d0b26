package vault

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
