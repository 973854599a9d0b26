package store

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault"
	"sallyport.dev/sallyport/vault/seal"
)

// On a disk that takes nothing more, what is there goes on, a change fails as a whole
// and says why, and another key is not half in force.
func TestSecretsOnAFullDisk(t *testing.T) {
	disk := smallDisk(t)
	s := openSmall(t, disk)
	old, err := seal.ParseKey(strings.Repeat("01", 32))
	must(t, err)
	next, err := seal.ParseKey(strings.Repeat("ab", 32))
	must(t, err)
	v, err := vault.Open(t.Context(), s, old)
	must(t, err)
	put := func(value []byte) error {
		return v.Put(t.Context(), "a", vault.NewSecret(bytes.Clone(value)), "")
	}
	shows := func(when string, want []byte) {
		t.Helper()
		c, err := v.Credential(t.Context(), action.Auth{Scheme: "password", Name: "u", Secrets: []string{"a"}})
		must(t, err)
		if _, p, err := c.Password(); err != nil || !bytes.Equal(p.Reveal(), want) {
			t.Errorf("%s: another value is in use, %v", when, err)
		}
	}
	must(t, put([]byte("the first value")))
	free := block(t, disk)
	last := []byte("the first value")
	for i := range 200 { // until the reserve is used up, too
		value := bytes.Repeat([]byte{'a' + byte(i%26)}, 60<<10)
		if err = put(value); err != nil {
			break
		}
		last = value
	}
	if err == nil || !strings.Contains(err.Error(), "full") {
		t.Fatalf("a full disk takes secrets: %v", err)
	}
	shows("on a full disk", last)
	inForce := old
	if v.Rotate(t.Context(), next) == nil { // there was room for so much
		inForce = next
	}
	shows("after a rotation", last)
	free()
	must(t, put([]byte("the last value")))
	shows("with room again", []byte("the last value"))
	must(t, s.Close())

	must(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	if ro, err := open(context.Background(), filepath.Join(disk, "state"), nil, 2<<20, 1<<20); err == nil {
		ro.Close() //nolint:errcheck // it should not be open
		t.Error("a read-only disk is taken for the state")
	} else if !strings.Contains(err.Error(), "read-only") {
		t.Errorf("a read-only disk: %v", err)
	}
	must(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT, "size=10m"))
	s = openSmall(t, disk)
	if v, err = vault.Open(t.Context(), s, inForce); err != nil {
		t.Fatal(err)
	}
	shows("after a restart", []byte("the last value"))
}
