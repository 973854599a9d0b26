package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
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

const canary = "sk-canary-0123456789"

// FuzzSealed opens what a damaged or hostile store may give back: it never
// panics, and never gives anything but what was sealed.
func FuzzSealed(f *testing.F) {
	k := newKey(bytes.Repeat([]byte{1}, keySize))
	s, err := Seal(k, Sealed{Name: "a", Version: 1, Created: time.Unix(1, 0)}, []byte(canary))
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
		if v, err := s.Open(k); err == nil && string(v) != canary {
			t.Fatalf("%q opened", b)
		}
		if again, err := s.Rewrap(k, newKey(bytes.Repeat([]byte{2}, keySize))); err == nil && again.KeyID == k.ID() {
			t.Fatalf("%q stays under the old key", b)
		}
	})
}

// FuzzParseKey reads text that is no key.
func FuzzParseKey(f *testing.F) {
	f.Add(strings.Repeat("ab", keySize))
	f.Add(base64.StdEncoding.EncodeToString(make([]byte, keySize)))
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := ParseKey(s); err == nil && len(k.reveal()) != keySize {
			t.Fatalf("%q gives %d bytes", s, len(k.reveal()))
		}
	})
}

func TestAKeyPrintsNothing(t *testing.T) {
	k := newKey(bytes.Repeat([]byte{'K'}, keySize))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, v := range []any{k, &k, struct{ k Key }{k}, []Key{k}} {
			got := fmt.Sprintf(verb, v)
			if strings.Contains(got, "KKKK") || strings.Contains(got, "4b4b4b") || strings.Contains(got, "75, 75") {
				t.Errorf("%s of %T: %s", verb, v, got)
			}
		}
	}
}

// Seals of the first format open, and a rotation gives them the second.
func TestSealsOfTheFirstFormat(t *testing.T) {
	one, two := newKey(bytes.Repeat([]byte{1}, keySize)), newKey(bytes.Repeat([]byte{2}, keySize))
	s := Sealed{Name: "a", Version: 3, Created: time.UnixMicro(7).UTC(), KeyID: one.ID()}
	dek := make([]byte, keySize)
	var err error
	if s.Data, err = encrypt(dek, []byte(canary), s.bind(slotData)); err != nil {
		t.Fatal(err)
	}
	if s.DEK, err = encrypt(one.reveal(), dek, s.bind(slotDEK)); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Open(one); err != nil || string(v) != canary {
		t.Fatal(string(v), err)
	}
	again, err := s.Rewrap(one, two)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := again.Open(two); err != nil || string(v) != canary || again.Version != 3 || again.Format != format {
		t.Errorf("%q %v, version %d, format %d", v, err, again.Version, again.Format)
	}
	if _, err := again.Open(one); err == nil {
		t.Error("the old key still opens it")
	}
}
