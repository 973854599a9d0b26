package file

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "value")
	write := func(text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		when := time.Unix(1_000_000, 0).Add(age)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	const most = 8
	var last Stamp
	for i, c := range []struct{ text, want, err string }{
		{"", "", "is empty"},
		{"first\r\n", "first", ""},
		{"first\r\n", "first", ""},
		{"second", "second", ""},
		{"", "", ""}, // being rewritten
		{strings.Repeat("x", most+3), strings.Repeat("x", most+3), ""},
	} {
		write(c.text, time.Duration(i)*time.Second)
		value, now, err := Read(path, most, last)
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) || string(value) != c.want {
			t.Errorf("%q: %q, %v", c.text, value, err)
		}
		if err == nil {
			last = now
		}
		if again, _, err := Read(path, most, last); err == nil && again != nil {
			t.Errorf("%q: read again, though it is as it was", c.text)
		}
	}
	for name, path := range map[string]string{"a folder": t.TempDir(), "nothing": filepath.Join(t.TempDir(), "none")} {
		if _, _, err := Read(path, most, Stamp{}); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}
