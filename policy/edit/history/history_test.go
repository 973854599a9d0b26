package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"sallyport.dev/sallyport/action"
)

type memory map[string][]byte

func (m memory) Put(_ context.Context, bucket, key string, value []byte) error {
	m[bucket+"/"+key] = bytes.Clone(value)
	return nil
}

func (m memory) Get(_ context.Context, bucket, key string) ([]byte, bool, error) {
	v, ok := m[bucket+"/"+key]
	return v, ok, nil
}

func (m memory) Delete(_ context.Context, bucket, key string) error {
	delete(m, bucket+"/"+key)
	return nil
}

func add(t *testing.T, l *Log, by string) int {
	t.Helper()
	n, err := l.Begin(t.Context(), action.Revision{By: by, Files: map[string]string{"a.hcl": by}})
	if err = errors.Join(err, l.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheOldestGo(t *testing.T) {
	kept := memory{}
	l := &Log{kept}
	for i := 1; i <= Keep+3; i++ {
		if n := add(t, l, fmt.Sprint(i)); n != i {
			t.Fatalf("revision %d has the number %d", i, n)
		}
	}
	if len(kept) != Keep+1 {
		t.Errorf("%d things are kept", len(kept))
	}
	for n, there := range map[int]bool{0: false, 3: false, 4: true, Keep + 3: true, Keep + 4: false} {
		r, err := l.Get(t.Context(), n)
		if (err == nil) != there || there && r.Files["a.hcl"] != fmt.Sprint(n) || !there && !errors.Is(err, ErrNone) {
			t.Errorf("revision %d: %+v, %v", n, r, err)
		}
	}
	list, err := l.List(t.Context(), 6, 50)
	if err != nil || len(list) != 2 || list[0].Number != 5 || list[1].Number != 4 || list[0].Files != nil {
		t.Errorf("%+v, %v", list, err)
	}
}

// What has begun is nobody's until it came to be.
func TestAnOpenRevision(t *testing.T) {
	l := &Log{memory{}}
	if _, _, err := l.Last(t.Context()); !errors.Is(err, ErrNone) {
		t.Errorf("of none: %v", err)
	}
	add(t, l, "one")
	if n, err := l.Begin(t.Context(), action.Revision{By: "two"}); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	if last, open, err := l.Last(t.Context()); err != nil || !open || last.By != "two" {
		t.Errorf("%+v %v %v", last, open, err)
	}
	if _, err := l.Get(t.Context(), 2); !errors.Is(err, ErrNone) {
		t.Errorf("an open one is told: %v", err)
	}
	if list, err := l.List(t.Context(), 0, 0); err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
	if err := l.Abandon(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.Abandon(t.Context()), l.Commit(t.Context())); err != nil {
		t.Errorf("of none that is open: %v", err)
	}
	if n := add(t, l, "three"); n != 2 {
		t.Errorf("the number was given up, and the next is %d", n)
	}
	if last, open, err := l.Last(t.Context()); err != nil || open || last.By != "three" {
		t.Errorf("%+v %v %v", last, open, err)
	}
}

func FuzzUnpack(f *testing.F) {
	b, err := pack(action.Revision{Number: 1, By: "x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(_ *testing.T, b []byte) { unpack(b) }) //nolint:errcheck // it must not panic
}
