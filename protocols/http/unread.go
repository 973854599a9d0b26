package http

import (
	"context"
	"strconv"
	"strings"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols"
)

// An unread exchange is a request that could not be brought to its form. Its
// action has no parts, which the rules refuse; whatever they say, it is answered
// with its problem and nothing is sent.
type unread struct {
	x *exchange
	p *problem
}

var _ protocols.Exchange = unread{}

// unread makes the action of a request that has no form.
func (x *exchange) unread(p *problem) unread {
	s := x.site
	path, _, _ := strings.Cut(x.r.RequestURI, "?")
	x.ask = &ask{act: action.Action{
		Peer: s.flow.Peer, Service: s.flow.Service, Host: s.name, Dst: s.flow.Dst, Kind: "request",
		Summary: printable(summary(x.r.Method, x.r.Host, path)),
	}}
	return unread{x, p}
}

// printable leaves of foreign text what a line for people may hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

func (u unread) Action() *action.Action { return &u.x.act }

// Learn fails: there is nothing that could be approved.
func (u unread) Learn(context.Context, action.Need) error { return u.p }

func (u unread) Forward(context.Context, protocols.Upstream) (action.Result, error) {
	u.answer()
	return action.Result{Status: strconv.Itoa(u.p.status), Failed: true, Err: u.p.reason}, nil
}

func (u unread) Refuse(context.Context, action.Decision) error {
	u.answer()
	return nil
}

func (u unread) answer() {
	u.p.id = u.x.act.ID
	u.x.answer(u.p)
}
