package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

func pair(t testing.TB) *age.X25519Identity {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func sealed(t testing.TB, to age.Recipient, files map[string]string) []byte {
	var list []File
	for name, text := range files {
		list = append(list, File{Name: name, Size: int64(len(text)), Data: strings.NewReader(text)})
	}
	var b bytes.Buffer
	if err := Write(&b, time.Unix(1, 0), list, to); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func opened(b []byte, with ...age.Identity) (map[string]string, error) {
	got := map[string]string{}
	err := Read(bytes.NewReader(b), func(f File) error {
		text, err := io.ReadAll(f.Data)
		got[f.Name] = string(text)
		return err
	}, with...)
	return got, err
}

func TestABackupComesBackWhole(t *testing.T) {
	id := pair(t)
	want := map[string]string{"state.db": strings.Repeat("canary", 100_000), "key": "canary-key", "empty": ""}
	b := sealed(t, id.Recipient(), want)
	if bytes.Contains(b, []byte("canary")) || bytes.Contains(b, []byte("state.db")) {
		t.Error("the archive shows what is in it")
	}
	got, err := opened(b, id)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%d files, %v", len(got), err)
	}
	if _, err := opened(b, pair(t)); err == nil {
		t.Error("somebody else opens it")
	}
	for _, cut := range []int{0, 10, len(b) / 2, len(b) - 1} {
		if _, err := opened(b[:cut], id); err == nil {
			t.Errorf("the first %d of %d bytes are taken for the whole", cut, len(b))
		}
	}
	bad := bytes.Clone(b)
	bad[len(bad)/2] ^= 1
	if _, err := opened(bad, id); err == nil {
		t.Error("a changed archive is taken")
	}
}

func TestAPassphrase(t *testing.T) {
	to, err := age.NewScryptRecipient("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	to.SetWorkFactor(10)
	b := sealed(t, to, map[string]string{"key": "k"})
	for phrase, ok := range map[string]bool{"correct horse": true, "wrong": false} {
		id, err := age.NewScryptIdentity(phrase)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := opened(b, id); (err == nil) != ok {
			t.Errorf("%s: %v", phrase, err)
		}
	}
}

func TestAShortPassphraseIsRefused(t *testing.T) {
	for phrase, ok := range map[string]bool{"correct horse": true, "twelve chars": true, "eleven char": false, "äöüäöüäöüäö": false} {
		if _, err := Recipients(nil, phrase); (err == nil) != ok {
			t.Errorf("%q: %v", phrase, err)
		}
	}
}

// What is wrong with a file or with what should open it can be told apart.
func TestWhatIsWrongIsTold(t *testing.T) {
	id := pair(t)
	b := sealed(t, id.Recipient(), map[string]string{"key": "k"})
	for name, tt := range map[string]struct {
		b    []byte
		with age.Identity
		want error
	}{
		"another's":  {b, pair(t), ErrSealed},
		"something":  {[]byte("gateway {}\n"), id, ErrForeign},
		"nothing":    {nil, id, ErrForeign},
		"cut off":    {b[:len(b)-1], id, errCut},
		"a bit over": {append(bytes.Clone(b), 0), id, errCut},
	} {
		if _, err := opened(tt.b, tt.with); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if _, err := Identities([]byte("gateway {}"), ""); err == nil || !strings.Contains(err.Error(), "age-keygen") {
		t.Errorf("no identity: %v", err)
	}
}

// Whoever can seal for a gateway cannot make a restore write elsewhere.
func TestForeignArchives(t *testing.T) {
	id := pair(t)
	for name, headers := range map[string][]tar.Header{
		"no marker":  {{Name: "key", Typeflag: tar.TypeReg}},
		"up":         {{Name: marker, Typeflag: tar.TypeReg}, {Name: "../key", Typeflag: tar.TypeReg}},
		"below":      {{Name: marker, Typeflag: tar.TypeReg}, {Name: "a/key", Typeflag: tar.TypeReg}},
		"dots":       {{Name: marker, Typeflag: tar.TypeReg}, {Name: "..", Typeflag: tar.TypeReg}},
		"link":       {{Name: marker, Typeflag: tar.TypeReg}, {Name: "key", Linkname: "/etc/shadow", Typeflag: tar.TypeSymlink}},
		"directory":  {{Name: marker, Typeflag: tar.TypeReg}, {Name: "audit", Typeflag: tar.TypeDir}},
		"not a file": {{Name: marker, Typeflag: tar.TypeReg}, {Name: "key", Typeflag: tar.TypeFifo}},
	} {
		var b bytes.Buffer
		w, err := age.Encrypt(&b, id.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		a := tar.NewWriter(w)
		for _, h := range headers {
			if err := a.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
		}
		a.Close()
		w.Close()
		if got, err := opened(b.Bytes(), id); !errors.Is(err, ErrForeign) || len(got) != 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	id := pair(f)
	f.Add(sealed(f, id.Recipient(), map[string]string{"key": "k"}))
	f.Add([]byte("age-encryption.org/v1\n"))
	f.Fuzz(func(t *testing.T, b []byte) { opened(b, id) })
}
