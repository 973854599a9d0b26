// Package door is where operators come in: it proves who asks, by the admin
// socket, the tailnet, a login or a token, and gives every request the caller
// and the rights that the table of routes is held against. It carries out
// nothing that a route does.
package door
