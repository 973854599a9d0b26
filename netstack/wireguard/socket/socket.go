// Package socket is the pair of UDP sockets of a WireGuard node. It moves
// datagrams in batches, without a copy where the kernel allows, and answers from
// the address that was asked. It reads nothing of what it carries.
package socket
