package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// serve answers queries on a stream until it is closed, as a transport does.
func serve(s *Server, conn net.Conn) {
	defer conn.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		reply := s.Answer(alice, query, true)
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

// TestStockResolver asks as a program does that knows nothing of us.
func TestStockResolver(t *testing.T) {
	s := newServer(t)
	var wg sync.WaitGroup
	defer wg.Wait()
	r := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		wg.Go(func() { serve(s, ours) })
		return theirs, nil
	}}
	for _, tt := range []struct {
		name string
		want []string
	}{
		{"db.corp.", []string{"198.18.0.1", "fd66:1::1"}},
		{"sallyport.internal.", []string{"10.77.0.1", "fd77::1"}},
	} {
		got, err := r.LookupHost(t.Context(), tt.name)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
	if names, err := r.LookupAddr(t.Context(), "198.18.0.1"); err != nil || !slices.Equal(names, []string{"db.corp."}) {
		t.Errorf("198.18.0.1: %v, %v", names, err)
	}
	_, err := r.LookupHost(t.Context(), "example.com.")
	if e, ok := errors.AsType[*net.DNSError](err); !ok || !e.IsNotFound {
		t.Errorf("example.com.: %v", err)
	}
	if txt, err := r.LookupTXT(t.Context(), "db.corp."); len(txt) > 0 {
		t.Errorf("TXT of db.corp.: %v, %v", txt, err)
	}
}
