package owner

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Whoever is at the far end of a connection of this machine is found, by each family,
// and not once they have left.
func TestOf(t *testing.T) {
	for _, tt := range []struct{ network, listen, dial string }{
		{"tcp4", "127.0.0.1:0", "127.0.0.1"},
		{"tcp", "[::]:0", "127.0.0.1"}, // a socket of IPv6 that IPv4 reaches
		{"tcp6", "[::1]:0", "::1"},
	} {
		l, err := net.Listen(tt.network, tt.listen)
		if err != nil {
			if tt.network != "tcp4" && !sixes() {
				t.Logf("this machine has no IPv6: %v", err)
				continue
			}
			t.Fatal(err)
		}
		defer l.Close()
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		far, err := net.Dial("tcp", net.JoinHostPort(tt.dial, port))
		if err != nil {
			t.Fatal(err)
		}
		near, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer near.Close()
		if uid, ok := Of(near); !ok || uid != strconv.Itoa(os.Getuid()) {
			t.Errorf("%s: %q, %v", tt.dial, uid, ok)
		}
		far.Close()
		if uid, ok := Of(near); ok {
			t.Errorf("%s: %q has left", tt.dial, uid)
		}
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if uid, ok := Of(a); ok {
		t.Errorf("of no address: %q", uid)
	}
}

// sixes reports whether this machine has IPv6.
func sixes() bool {
	_, err := os.Stat(table + "6")
	return err == nil
}

func TestFind(t *testing.T) {
	const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2124 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1
   1: 0100007F:2124 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 101 1
   2: 0100007F:C001 0100007F:2124 01 00000000:00000000 00:00000000 00000000  1000        0 102 1
   3: 0100007F:C002 0100007F:2124 05 00000000:00000000 00:00000000 00000000     0        0 0 1
   4: 0100007F:C003 0100007F:2124
`
	for from, want := range map[string]string{"0100007F:C001": "1000", "0100007F:C002": "", "0100007F:C003": "", "0100007F:C004": ""} {
		if uid, ok := find(strings.NewReader(text), from, "0100007F:2124"); uid != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", from, uid, ok)
		}
	}
}
