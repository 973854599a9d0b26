package envelope

import (
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"testing"
)

func raw(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The example of RFC 8291, section 5 and appendix A.
const (
	exampleKey  = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
	examplePub  = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	exampleAuth = "BTBZMqHH6r4Tts7J_aSIgg"
	exampleSalt = "DGv6ra1nlYgDCS1FRnbzlw"
	exampleBody = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)

func TestTheExampleOfTheRFC(t *testing.T) {
	r, err := NewReceiver(examplePub, exampleAuth)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdh.P256().NewPrivateKey(raw(t, exampleKey))
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.seal([]byte("When I grow up, I want to be a watermelon"), key, [saltLen]byte(raw(t, exampleSalt)), 0)
	if err != nil || base64.RawURLEncoding.EncodeToString(got) != exampleBody {
		t.Errorf("%s, %v", base64.RawURLEncoding.EncodeToString(got), err)
	}
}

func TestALengthTellsLittle(t *testing.T) {
	r, err := NewReceiver(examplePub, exampleAuth)
	if err != nil {
		t.Fatal(err)
	}
	lengths := map[int]bool{}
	for n := range 400 {
		b, err := r.Seal(make([]byte, n))
		if err != nil {
			t.Fatal(err)
		}
		lengths[len(b)] = true
	}
	if len(lengths) != 1 {
		t.Errorf("messages of up to 400 bytes have %d lengths", len(lengths))
	}
	if _, err := r.Seal(make([]byte, MaxMessage+1)); err == nil {
		t.Error("a message was sealed that no push service takes")
	}
	if b, err := r.Seal(make([]byte, MaxMessage)); err != nil || len(b) > recordLen {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	off := raw(t, examplePub)
	off[64] ^= 1
	for name, keys := range map[string][2]string{
		"nothing":       {"", ""},
		"no base64":     {"!!", exampleAuth},
		"off the curve": {base64.RawURLEncoding.EncodeToString(off), exampleAuth},
		"short secret":  {examplePub, "AAAA"},
		"compressed":    {base64.RawURLEncoding.EncodeToString(append([]byte{2}, raw(t, examplePub)[1:33]...)), exampleAuth},
	} {
		if _, err := NewReceiver(keys[0], keys[1]); !errors.Is(err, ErrKeys) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzNewReceiver(f *testing.F) {
	f.Add(examplePub, exampleAuth)
	f.Fuzz(func(t *testing.T, p256dh, auth string) {
		r, err := NewReceiver(p256dh, auth)
		if err != nil {
			return
		}
		if _, err := r.Seal([]byte("x")); err != nil {
			t.Error(err)
		}
	})
}
