package keys

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestT38_AKeyOpensOnlyItsOwnSession(t *testing.T) {
	var r Ring[string]
	a, b := Seat{"a", "db"}, Seat{"b", "db"}
	r.Add(Key{a, 7, []byte("aaaa")}, "of a")
	r.Add(Key{b, 7, []byte("bbbb")}, "of b")
	r.Add(Key{a, 7, []byte("cccc")}, "second of a")
	for _, c := range []struct {
		key  Key
		want string
	}{
		{Key{a, 7, []byte("aaaa")}, "of a"},
		{Key{b, 7, []byte("bbbb")}, "of b"},
		{Key{a, 7, []byte("cccc")}, "second of a"},
		{Key{a, 7, []byte("bbbb")}, ""},
		{Key{b, 7, []byte("aaaa")}, ""},
		{Key{a, 8, []byte("aaaa")}, ""},
		{Key{a, 7, []byte("aaaab")}, ""},
		{Key{a, 7, nil}, ""},
		{Key{Seat{"a", "other"}, 7, []byte("aaaa")}, ""},
	} {
		if got, ok := r.Find(c.key); got != c.want || ok != (c.want != "") {
			t.Errorf("%+v: %q, want %q", c.key, got, c.want)
		}
	}
	r.Remove(Key{a, 7, []byte("aaaa")})
	if _, ok := r.Find(Key{a, 7, []byte("aaaa")}); ok {
		t.Error("found after it was removed")
	}
	if got, _ := r.Find(Key{a, 7, []byte("cccc")}); got != "second of a" {
		t.Errorf("the other one: %q", got)
	}
	r.Remove(Key{a, 7, []byte("cccc")})
	r.Remove(Key{b, 7, []byte("bbbb")})
	if r.Len() != 0 || len(r.open) != 0 || len(r.paces) != 0 {
		t.Error("something is left")
	}
}

func TestT38_RequestsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Ring[int]
		k := Key{Seat{"a", "db"}, 7, []byte("aaaa")}
		r.Add(k, 1)
		found := func() (n int) {
			for range 100 {
				if _, ok := r.Find(k); ok {
					n++
				}
			}
			return n
		}
		if n := found(); n != Burst {
			t.Errorf("%d at once, want %d", n, Burst)
		}
		time.Sleep(time.Second)
		if n := found(); n != perSecond {
			t.Errorf("%d a second later, want %d", n, perSecond)
		}
	})
}

func TestSeats(t *testing.T) {
	var c Seats
	a := Seat{"a", "db"}
	for i, want := range []bool{true, true, false} {
		if got := c.Take(a, 2); got != want {
			t.Errorf("seat %d: %v", i, got)
		}
	}
	if !c.Take(Seat{"b", "db"}, 2) || !c.Take(a, 0) {
		t.Error("a limit of another")
	}
	c.Leave(a)
	c.Leave(a)
	c.Leave(a)
	c.Leave(Seat{"b", "db"})
	if len(c.taken) != 0 {
		t.Errorf("%v", c.taken)
	}
}
