package door_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/dashboard/account"
	"sallyport.dev/sallyport/dashboard/door"
	"sallyport.dev/sallyport/dashboard/passkey"
	"sallyport.dev/sallyport/dashboard/route"

	"github.com/fxamacker/cbor/v2"
)

// An authenticator makes passkeys as a phone or a laptop does (WebAuthn, section
// 6), for one site.
type authenticator struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte
	count  uint32
	origin string
	rp     string
	flags  byte // user present and verified
	still  bool // it does not count, as most that are kept in a cloud
}

func newAuthenticator(t *testing.T) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	rand.Read(id) //nolint:errcheck // it never fails
	return &authenticator{t: t, key: key, id: id, origin: "https://gw.test", rp: "gw.test", flags: 0x05}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// data is what is signed of the authenticator itself.
func (a *authenticator) data(flags byte, attested []byte) []byte {
	sum := sha256.Sum256([]byte(a.rp))
	if !a.still {
		a.count++
	}
	out := append(sum[:], flags)
	out = binary.BigEndian.AppendUint32(out, a.count)
	return append(out, attested...)
}

func (a *authenticator) client(kind, challenge string) []byte {
	b, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

// create answers navigator.credentials.create.
func (a *authenticator) create(options []byte) string {
	a.t.Helper()
	var o struct {
		PublicKey struct {
			Challenge string
			User      struct{ ID string }
			RP        struct{ ID string }
		}
	}
	if err := json.Unmarshal(options, &o); err != nil || o.PublicKey.RP.ID != "gw.test" {
		a.t.Fatalf("%v: %s", err, options)
	}
	var err error
	if a.handle, err = base64.RawURLEncoding.DecodeString(o.PublicKey.User.ID); err != nil {
		a.t.Fatal(err)
	}
	point, err := a.key.PublicKey.Bytes()
	if err != nil {
		a.t.Fatal(err)
	}
	public, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]}) // COSE, RFC 9053
	if err != nil {
		a.t.Fatal(err)
	}
	attested := append(make([]byte, 16), binary.BigEndian.AppendUint16(nil, uint16(len(a.id)))...)
	attested = append(append(attested, a.id...), public...)
	object, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": a.data(a.flags|0x40, attested)})
	if err != nil {
		a.t.Fatal(err)
	}
	return fmt.Sprintf(`{"id":%q,"rawId":%q,"type":"public-key","response":{"clientDataJSON":%q,"attestationObject":%q}}`,
		b64(a.id), b64(a.id), b64(a.client("webauthn.create", o.PublicKey.Challenge)), b64(object))
}

// get answers navigator.credentials.get.
func (a *authenticator) get(options []byte) string {
	a.t.Helper()
	var o struct{ PublicKey struct{ Challenge string } }
	if err := json.Unmarshal(options, &o); err != nil {
		a.t.Fatalf("%v: %s", err, options)
	}
	client, data := a.client("webauthn.get", o.PublicKey.Challenge), a.data(a.flags, nil)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(data), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		a.t.Fatal(err)
	}
	return fmt.Sprintf(`{"id":%q,"rawId":%q,"type":"public-key","response":{"clientDataJSON":%q,"authenticatorData":%q,"signature":%q,"userHandle":%q}}`,
		b64(a.id), b64(a.id), b64(client), b64(data), b64(signature), b64(a.handle))
}

// post asks for something and gives the text.
func (b *browser) post(status int, path, body string) []byte {
	b.h.t.Helper()
	resp := b.want(status, "POST", path, body)
	var out bytes.Buffer
	out.ReadFrom(resp.Body) //nolint:errcheck // it is in memory
	return out.Bytes()
}

func (b *browser) register(a *authenticator, name string, status int) {
	b.h.t.Helper()
	made := a.create(b.post(200, "/api/v1/passkeys/challenge", ""))
	b.post(status, "/api/v1/passkeys", fmt.Sprintf(`{"name":%q,"credential":%s}`, name, made))
}

func (b *browser) sign(a *authenticator, status int) string {
	b.h.t.Helper()
	signed := a.get(b.post(200, "/api/v1/session/passkey/challenge", ""))
	b.post(status, "/api/v1/session/passkey", signed)
	return signed
}

func newKeyHouse(t *testing.T) *house {
	h := newHouse(t)
	h.Passkeys = passkey.New(h.Now)
	return h
}

func TestAPasskeyLogsInAndStepsUp(t *testing.T) {
	h := newKeyHouse(t)
	h.operator("boss", route.Admin)
	a := newAuthenticator(t)
	a.still = true
	boss := h.at("192.0.2.1").login("boss")
	boss.register(a, "laptop", 200)
	boss.want(409, "POST", "/api/v1/passkeys", `{"name":"laptop","credential":{}}`)
	other := h.at("192.0.2.9")
	other.sign(a, 200)
	other.want(200, "POST", "/api/v1/grave", "")
	h.clock = h.clock.Add(10 * time.Minute)
	other.want(403, "POST", "/api/v1/grave", "")
	signed := other.sign(a, 200)
	other.want(200, "POST", "/api/v1/grave", "")
	other.post(401, "/api/v1/session/passkey", signed) // once only
	var s door.Standing
	if err := json.NewDecoder(other.want(200, "GET", "/api/v1/session", "").Body).Decode(&s); err != nil || strings.Join(s.StepUp, " ") != "password passkey" {
		t.Errorf("%+v, %v", s, err)
	}
	other.want(200, "DELETE", "/api/v1/passkeys/laptop", "")
	h.at("192.0.2.9").sign(a, 401)
	page, err := h.Deeds.Page(t.Context(), 0, 3)
	if err != nil || page[0].What != "login with a passkey" || page[0].Err == "" || page[1].What != "DELETE /api/v1/passkeys/{name}" {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestT47_APasskeyIsOfItsSiteAndItsOwner(t *testing.T) {
	h := newKeyHouse(t)
	h.operator("boss", route.Admin)
	h.operator("eve", route.Viewer)
	for i, tt := range []struct {
		name   string
		change func(*authenticator)
	}{
		{"another site", func(a *authenticator) { a.origin = "https://evil.test" }},
		{"another name", func(a *authenticator) { a.rp = "evil.test" }},
		{"nobody looked at the finger", func(a *authenticator) { a.flags = 0x01 }},
		{"another key", func(a *authenticator) { a.key = newAuthenticator(t).key }},
		{"somebody else's handle", func(a *authenticator) { a.handle = passkey.Handle("eve") }},
		{"a copy whose count is old", func(a *authenticator) { a.count = 0 }},
	} {
		a := newAuthenticator(t)
		must(h, h.Book.SetPasskeys(t.Context(), "boss", func([]account.Passkey) []account.Passkey { return nil }))
		boss := h.at("192.0.2.1").login("boss")
		boss.register(a, "laptop", 200)
		h.at("192.0.2.2").sign(a, 200)
		tt.change(a)
		thief := h.at(fmt.Sprint("192.0.2.", 30+i))
		thief.sign(a, 401)
		thief.want(401, "GET", "/api/v1/look", "")
	}
	// A challenge of one person's registration is not another's.
	boss, eve := h.at("192.0.2.1").login("boss"), h.at("192.0.2.2").login("eve")
	made := newAuthenticator(t).create(boss.post(200, "/api/v1/passkeys/challenge", ""))
	eve.post(401, "/api/v1/passkeys", fmt.Sprintf(`{"name":"x","credential":%s}`, made))
	late := newAuthenticator(t).create(boss.post(200, "/api/v1/passkeys/challenge", ""))
	h.clock = h.clock.Add(6 * time.Minute)
	boss.stepUp()
	boss.post(401, "/api/v1/passkeys", fmt.Sprintf(`{"name":"x","credential":%s}`, late))
	// Who is logged in since long does not get a passkey by that alone.
	h.clock = h.clock.Add(6 * time.Minute)
	boss.post(403, "/api/v1/passkeys/challenge", "")
	h.entrance.Secure = false
	plain := h.at("192.0.2.1").login("boss")
	plain.post(409, "/api/v1/passkeys/challenge", "")
}

// Whoever has the address of a person's node has not proved to be the person: a
// passkey, the first one too, takes a password or an identity provider before.
func TestT47_AnAddressAloneRegistersNoPasskey(t *testing.T) {
	h := newKeyHouse(t)
	h.tailnet()
	h.config["ana@acme.dev"] = route.RightsOf(route.Admin)
	h.visitors["100.64.0.7"] = door.Visitor{Node: "n7", Name: "phone", User: "ana@acme.dev"}
	h.visitors["100.64.0.8"] = door.Visitor{Node: "n8", Name: "laptop", User: "ana@acme.dev", Agent: true}
	first, second := newAuthenticator(t), newAuthenticator(t)
	phone, laptop := h.at("100.64.0.7"), h.at("100.64.0.8")
	laptop.post(401, "/api/v1/passkeys/challenge", "")
	phone.want(403, "POST", "/api/v1/grave", "")
	phone.post(403, "/api/v1/passkeys/challenge", "")
	phone.post(403, "/api/v1/passkeys", `{"name":"phone","credential":{}}`)
	if o, ok := h.Book.Get("ana@acme.dev"); ok {
		t.Fatalf("the address made %+v", o)
	}
	h.operator("ana@acme.dev") // as sallyport operator add does
	phone.post(403, "/api/v1/passkeys/challenge", "")
	phone.stepUp()
	phone.register(first, "phone", 200)
	h.clock = h.clock.Add(6 * time.Minute)
	phone.post(403, "/api/v1/passkeys/challenge", "")
	phone.sign(first, 200)
	phone.want(200, "POST", "/api/v1/grave", "")
	phone.register(second, "key", 200)
	laptop.sign(second, 200) // logs in
	laptop.want(403, "POST", "/api/v1/edit", "")
	laptop.sign(second, 200)
	laptop.want(200, "POST", "/api/v1/edit", "")
	laptop.sign(second, 200)
	h.clock = h.clock.Add(6 * time.Minute)
	laptop.want(403, "POST", "/api/v1/edit", "")
	laptop.sign(second, 200)
	laptop.want(200, "POST", "/api/v1/edit", "")
}

// The moment at which an agent speaks from somebody's node ends what was proved there
// before: none of that was for one change, and the agent may have asked for it.
func TestT47_WhatWasProvedBeforeTheAgentSpokeIsOver(t *testing.T) {
	h := newKeyHouse(t)
	h.tailnet()
	h.operator("ana@acme.dev", route.Admin)
	alone := door.Visitor{Node: "n7", Name: "laptop", User: "ana@acme.dev"}
	shared := alone
	shared.Agent = true
	h.visitors["100.64.0.7"] = alone
	a := newAuthenticator(t)
	ana := h.at("100.64.0.7")
	ana.stepUp()
	ana.register(a, "laptop", 200)
	for _, how := range []string{"logged in", "proved it once more"} {
		h.visitors["100.64.0.7"] = alone
		if how == "logged in" {
			ana = h.at("100.64.0.7")
		}
		ana.sign(a, 200)
		ana.want(200, "POST", "/api/v1/grave", "")
		h.visitors["100.64.0.7"] = shared
		ana.want(200, "GET", "/api/v1/look", "")
		var s door.Standing
		must(h, json.NewDecoder(ana.want(200, "GET", "/api/v1/session", "").Body).Decode(&s))
		if s.Caller == nil || s.Caller.Fresh {
			t.Errorf("%s: the login stands as %+v", how, s.Caller)
		}
		for _, path := range []string{"/api/v1/edit", "/api/v1/grave"} {
			ana.want(403, "POST", path, "")
		}
		ana.want(403, "GET", "/api/v1/whole", "")
		ana.sign(a, 200)
		ana.want(200, "POST", "/api/v1/edit", "")
		ana.want(403, "POST", "/api/v1/edit", "")
	}
}

// Whoever begins logins without end takes nobody else's room: neither the one that
// is under way, nor the next.
func TestT47_OnePeerTakesNobodysChallenges(t *testing.T) {
	h := newKeyHouse(t)
	h.tailnet()
	h.operator("boss", route.Admin)
	h.visitors["100.64.0.7"] = door.Visitor{Node: "n7", Name: "desk", User: "boss@acme.dev"}
	a := newAuthenticator(t)
	boss := h.at("100.64.0.7").login("boss")
	boss.register(a, "laptop", 200)
	begun := boss.post(200, "/api/v1/session/passkey/challenge", "")
	h.visitors["100.64.1.1"] = door.Visitor{Node: "thief", Name: "thief", User: "eve@acme.dev"}
	eve := h.at("100.64.1.1")
	for range 1100 {
		eve.post(200, "/api/v1/session/passkey/challenge", "")
	}
	boss.post(200, "/api/v1/session/passkey", a.get(begun))
	boss.sign(a, 200)
	h.entrance.Who = nil
	boss = h.at("192.0.2.1")
	for i := range 1100 { // one machine of IPv6 has as many addresses as it likes
		h.at(fmt.Sprintf("[2001:db8::%x]", i)).post(200, "/api/v1/session/passkey/challenge", "")
	}
	boss.sign(a, 200)
}

// Passkeys that prove nothing use up the budget that passwords do, of the node and
// of the name that they claim, and fill no audit in that name.
func TestT47_APasskeyIsTriedAFewTimesOnly(t *testing.T) {
	h := newKeyHouse(t)
	h.tailnet()
	h.operator("boss", route.Admin)
	h.visitors["100.64.0.7"] = door.Visitor{Node: "n7", Name: "desk", User: "boss@acme.dev"}
	a := newAuthenticator(t)
	a.still = true
	boss := h.at("100.64.0.7").login("boss")
	boss.register(a, "laptop", 200)
	forged := *a
	forged.key = newAuthenticator(t).key
	try := func(node int, name string) int {
		addr := fmt.Sprint("100.64.1.", node)
		h.visitors[addr] = door.Visitor{Node: fmt.Sprint("thief", node), Name: name, User: "eve@acme.dev"}
		eve := h.at(addr)
		signed := forged.get(eve.post(200, "/api/v1/session/passkey/challenge", ""))
		return eve.do("POST", "/api/v1/session/passkey", signed).StatusCode
	}
	got := make(map[int]int)
	for i := range 12 {
		got[try(1, fmt.Sprint("thief-", i))]++
	}
	if got[401] != 5 || got[429] != 7 {
		t.Errorf("12 forged passkeys of one node: %v", got)
	}
	h.at("100.64.1.1").want(429, "POST", "/api/v1/session", `{"name":"boss","password":"another guess"}`)
	for i := range 40 {
		got[try(10+i, "thief")]++
	}
	failed := 0
	page, err := h.Deeds.Page(t.Context(), 0, 500)
	must(h, err)
	for _, e := range page {
		if e.Err != "" && e.Who == "boss" {
			failed++
		}
	}
	if failed != 20 || got[401] != 20 {
		t.Errorf("52 forged passkeys of 41 nodes: %v, %d are in the audit as boss's", got, failed)
	}
	for range 30 { // what proves its owner is not counted
		boss.sign(a, 200)
	}
}
