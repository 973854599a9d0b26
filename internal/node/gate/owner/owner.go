// Package owner finds the user of this machine whose process made a connection on it.
package owner

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
)

// table lists the connections of a family, for every user to read (proc(5)). The path
// without an end: "tcp" and "tcp6" are there.
const table = "/proc/self/net/tcp"

// established is the state of a connection that a process holds open. Of one that its
// process has left the kernel says that it is root's.
const established = "01"

// Of gives the user, by number, whose process is at the far end of a connection that
// stays on this machine; ok is false where nobody can tell: for one from elsewhere, or
// that is over.
func Of(c net.Conn) (uid string, ok bool) {
	near, ok1 := c.LocalAddr().(*net.TCPAddr)
	far, ok2 := c.RemoteAddr().(*net.TCPAddr)
	if !ok1 || !ok2 {
		return "", false
	}
	from, to := far.AddrPort(), near.AddrPort()
	for _, end := range []string{"", "6"} {
		f, err := os.Open(table + end)
		if err != nil {
			continue
		}
		uid, ok = find(f, spell(from, end == "6"), spell(to, end == "6"))
		f.Close()
		if ok {
			return uid, true
		}
	}
	return "", false
}

// find looks in a table for the connection from one address to another.
func find(r io.Reader, from, to string) (uid string, ok bool) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) > 7 && f[1] == from && f[2] == to && f[3] == established {
			return f[7], true
		}
	}
	return "", false
}

// spell writes an address as the table does: words of four bytes, each as this machine
// keeps a number. A process may reach IPv4 by a socket of IPv6.
func spell(a netip.AddrPort, six bool) string {
	ip := a.Addr().Unmap().AsSlice()
	if wide := a.Addr().As16(); six {
		ip = wide[:]
	}
	var b strings.Builder
	for ; len(ip) >= 4; ip = ip[4:] {
		fmt.Fprintf(&b, "%08X", binary.NativeEndian.Uint32(ip))
	}
	return fmt.Sprintf("%s:%04X", b.String(), a.Port())
}
