package roles

import (
	"context"
	"encoding/json"
	"io"
	"net"
)

// SpliceConfig is where a byte copy leads.
type SpliceConfig struct{ Upstream string }

// SpliceReady is where it listens.
type SpliceReady struct{ At string }

// serveSplice copies bytes both ways between two TCP connections: the least that
// anything between a client and a server costs in this language.
func serveSplice(ctx context.Context, config []byte) (any, error) {
	var c SpliceConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			agent, err := l.Accept()
			if err != nil {
				return
			}
			go splice(ctx, agent, c.Upstream)
		}
	}()
	return SpliceReady{At: l.Addr().String()}, nil
}

func splice(ctx context.Context, agent net.Conn, upstream string) {
	defer agent.Close()
	var d net.Dialer
	server, err := d.DialContext(ctx, "tcp", upstream)
	if err != nil {
		return
	}
	defer server.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		copyBytes(server, agent)
	}()
	copyBytes(agent, server)
	<-done
}

// copyBytes reads and writes, as a proxy that looks at what passes must.
func copyBytes(to, from net.Conn) {
	io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 8<<10)) //nolint:errcheck // either end may go
	to.Close()
	from.Close()
}
