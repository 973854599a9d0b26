package deeds_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/dashboard/deeds"
	"sallyport.dev/sallyport/dashboard/route"
)

// disk is a Store that a test writes into behind the chain's back.
type disk struct {
	rows map[uint64][]byte
	head []byte
	full error
}

func (d *disk) AppendDeed(_ context.Context, seq uint64, body, head []byte) error {
	if d.full != nil {
		return d.full
	}
	d.rows[seq], d.head = bytes.Clone(body), bytes.Clone(head)
	return nil
}

func (d *disk) order() []uint64 {
	var list []uint64
	for seq := range d.rows {
		list = append(list, seq)
	}
	slices.Sort(list)
	return list
}

func (d *disk) Deeds(_ context.Context, after uint64, f func(seq uint64, body []byte) error) error {
	for _, seq := range d.order() {
		if seq <= after {
			continue
		}
		if err := f(seq, d.rows[seq]); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) DeedsBefore(_ context.Context, before uint64, limit int) ([][]byte, error) {
	var list [][]byte
	for _, seq := range slices.Backward(d.order()) {
		if seq < before && len(list) < limit {
			list = append(list, d.rows[seq])
		}
	}
	return list, nil
}

func (d *disk) DeedHead(context.Context) ([]byte, error) { return d.head, nil }

type signer struct{ key ed25519.PrivateKey }

func (s signer) Sign(message []byte) []byte { return ed25519.Sign(s.key, message) }
func (s signer) Public() ed25519.PublicKey  { return s.key.Public().(ed25519.PublicKey) }

func newKey(t *testing.T) signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key}
}

func open(t *testing.T, d *disk, s signer) *deeds.Chain {
	t.Helper()
	c, err := deeds.Open(t.Context(), d, s, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// written is a disk with five deeds.
func written(t *testing.T, s signer) *disk {
	t.Helper()
	d := &disk{rows: make(map[uint64][]byte)}
	c := open(t, d, s)
	for i := range 5 {
		who := route.Caller{Person: action.Person{Name: "ana", Via: "local"}, From: "192.0.2.1"}
		if err := c.Keep(t.Context(), route.Deed{Caller: who, What: "PUT /api/v1/secrets/{name}", On: map[string]string{"name": fmt.Sprint("s", i)}, Status: 200}); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func TestAChangedChainIsFound(t *testing.T) {
	s := newKey(t)
	for _, tt := range []struct {
		name, want string
		change     func(*disk)
	}{
		{"nothing", "", func(*disk) {}},
		{"an entry changed", "entry 3 does not follow", func(d *disk) { d.rows[2] = bytes.Replace(d.rows[2], []byte("s1"), []byte("s9"), 1) }},
		{"an entry removed", "entries 3 to 3 are missing", func(d *disk) { delete(d.rows, 3) }},
		{"the last changed", "was signed as the last one", func(d *disk) { d.rows[5] = bytes.Replace(d.rows[5], []byte("ana"), []byte("eve"), 1) }},
		{"the last cut off", "entry 5 was signed as the last one, and 4 is", func(d *disk) { delete(d.rows, 5) }},
		{"all of it cut off", "entry 5 was signed as the last one, and 0 is", func(d *disk) { clear(d.rows) }},
		{"two swapped", "filed as", func(d *disk) { d.rows[2], d.rows[3] = d.rows[3], d.rows[2] }},
		{"one put in", "entry 5 is filed as 6", func(d *disk) { d.rows[6], d.rows[7] = d.rows[5], d.rows[4] }},
		{"the head removed", "no signed head", func(d *disk) { d.head = nil }},
		{"the head forged", "wrong signature", func(d *disk) { d.head = bytes.Replace(d.head, []byte(`"seq":5`), []byte(`"seq":4`), 1) }},
		{"no JSON", "cannot be read", func(d *disk) { d.rows[2] = []byte("{") }},
	} {
		d := written(t, s)
		c := open(t, d, s)
		tt.change(d)
		got, err := c.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(got.Problems, "; ")
		if (tt.want == "") != (all == "") || !strings.Contains(all, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, all, tt.want)
		}
	}
}

// What was changed while the gateway was down stays found after it went on.
func TestABrokenChainIsSaidAtTheNextStart(t *testing.T) {
	s := newKey(t)
	d := written(t, s)
	delete(d.rows, 5)
	c := open(t, d, s)
	page, err := c.Page(t.Context(), 0, 1)
	if err != nil || len(page) != 1 || page[0].What != "found the chain broken" {
		t.Fatalf("%+v, %v", page, err)
	}
	got, err := open(t, d, s).Verify(t.Context())
	if err != nil || !strings.Contains(strings.Join(got.Problems, ";"), "entry 5 was signed as the last one, and 4 is") {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := open(t, written(t, s), newKey(t)).Verify(t.Context()); err != nil || len(got.Problems) == 0 {
		t.Errorf("by another key: %+v, %v", got, err)
	}
}

func TestNothingIsKeptNothingIsReady(t *testing.T) {
	s := newKey(t)
	d := written(t, s)
	c := open(t, d, s)
	d.full = errors.New("the disk is full")
	if err := c.Keep(t.Context(), route.Deed{What: "x"}); err == nil {
		t.Error("kept on a full disk")
	}
	if err := c.Ready(t.Context()); !errors.Is(err, d.full) {
		t.Errorf("ready: %v", err)
	}
	d.full = nil
	if err := c.Ready(t.Context()); err != nil {
		t.Errorf("with room again: %v", err)
	}
	page, err := c.Page(t.Context(), 0, 10)
	if err != nil || len(page) != 6 || page[0].What != "could not keep an entry" {
		t.Errorf("%+v, %v", page, err)
	}
}

// T50: whoever may do nothing fills no disk by trying, and covers nothing that others
// did: what is not kept is counted.
func TestT50_RefusedDeedsAreBounded(t *testing.T) {
	d, now := &disk{rows: map[uint64][]byte{}}, time.Now()
	c, err := deeds.Open(t.Context(), d, newKey(t), func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	keep := func(name string, status int) {
		t.Helper()
		long := strings.Repeat("ä", 30_000)
		deed := route.Deed{Caller: route.Caller{Person: action.Person{Name: name, Via: "tailnet"}}, What: "DELETE /api/v1/agents/{name}", On: map[string]string{"name": long}, Status: status, Err: long}
		if err := c.Keep(t.Context(), deed); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 {
		keep("eve", 403)
	}
	size := 0
	for _, row := range d.rows {
		size += len(row)
	}
	if len(d.rows) != 60 || size > 60*8<<10 {
		t.Errorf("%d refusals are kept, in %d bytes", len(d.rows), size)
	}
	for range 100 {
		keep("ana", 200)
	}
	keep("ana", 403)
	keep("eve", 200)
	if len(d.rows) != 162 {
		t.Errorf("%d entries are kept", len(d.rows))
	}
	now = now.Add(10 * time.Second)
	keep("eve", 403)
	page, err := c.Page(t.Context(), 0, 1)
	if err != nil || len(page) != 1 || page[0].Notes["refused_before"] != "940" {
		t.Errorf("%+v, %v", page, err)
	}
	if report, err := c.Verify(t.Context()); err != nil || len(report.Problems) != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}
