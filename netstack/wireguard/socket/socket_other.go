//go:build !linux

package socket

import "golang.zx2c4.com/wireguard/conn"

// New gives wireguard-go's own sockets where datagrams move one by one.
func New() conn.Bind { return conn.NewStdNetBind() }
