package store

import "testing"

func TestAsksOutliveTheProcess(t *testing.T) {
	dir := stateDir(t)
	s := openStore(t, dir)
	for _, id := range []string{"a", "b", "c"} {
		if err := s.SaveAsk(t.Context(), id, []byte("first "+id)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SaveAsk(t.Context(), "b", []byte("second b")); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteAsk(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	all, err := s.LoadAsks(t.Context())
	if err != nil || len(all) != 2 || string(all[0]) != "first a" || string(all[1]) != "second b" {
		t.Errorf("%q, %v", all, err)
	}
}
