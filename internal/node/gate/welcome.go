package gate

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"sallyport.dev/sallyport/dashboard/account"
)

// Invite tells of the link of the first run, if nobody could come in otherwise:
// neither by an account of the book nor as somebody whom the configuration names.
func (g *Gates) Invite(book *account.Book, named map[string][]string, tell func(link string)) {
	if len(book.List()) > 0 {
		return
	}
	for _, members := range named {
		if len(members) > 0 {
			return
		}
	}
	at := slices.Concat([]string{g.Local()}, g.URLs())
	at = slices.DeleteFunc(at, func(s string) bool { return s == "" })
	if len(at) == 0 {
		g.Log.Info("nobody but the host can operate this gateway; make an operator with: sallyport operator add NAME --right admin")
		return
	}
	tell(at[0] + "/setup#" + book.Invite())
}

// Welcome prints the link of the first run.
func Welcome(w io.Writer) func(link string) {
	return func(link string) {
		fmt.Fprintf(w, "\nNobody can log in yet. Open this link to become the first operator; it works once, for %s:\n\n  %s\n\n",
			strings.TrimSuffix(account.SetupFor.String(), "0m0s"), link)
	}
}
