package hclconf

import (
	"net"
	"strconv"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/policy/account"
	"sallyport.dev/sallyport/policy/place"

	"github.com/hashicorp/hcl/v2"
)

// endpoint is where a database is, by the one name that the service has for it; "" if
// there is not exactly one.
func endpoint(s *Service) string {
	const port = 5432
	at := func(host string, stated uint16) string {
		if stated == 0 {
			stated = port
		}
		return net.JoinHostPort(host, strconv.Itoa(int(stated)))
	}
	switch {
	case s.Upstream.Stated() && !s.UpstreamHost.Addr.IsValid():
		return at(s.UpstreamHost.Host, s.UpstreamHost.Port)
	case !s.Upstream.Stated() && len(s.Hosts) == 1 && s.Hosts[0].Kind == place.Name:
		return at(s.Hosts[0].Name, s.Hosts[0].Port)
	}
	return ""
}

// rds refuses an account of RDS that could not log in, or would be read on the way.
func (d *decoder) rds(s *Service, a action.Auth, at hcl.Range) {
	where, region := account.Endpoint(a)
	host, port, err := net.SplitHostPort(where)
	_, bad := strconv.ParseUint(port, 10, 16)
	switch {
	case s.Protocol.Value != "postgres":
		d.Fail(at, "Wrong auth", "On http aws_sigv4 signs requests, and takes no user.")
	case s.TLS.Disable:
		d.Fail(at, "Contradiction", "RDS takes its tokens by TLS only, where they are sent as they are.")
	case where == "":
		d.Fail(at, "Attribute missing", `The token names the database as RDS does: write endpoint = "NAME.REGION.rds.amazonaws.com:5432".`)
	case err != nil || bad != nil || host == "":
		d.Fail(at, "Bad endpoint", `%q is no endpoint; write it like "NAME.REGION.rds.amazonaws.com:5432".`, where)
	case region == "" && account.Region(host) == "":
		d.Fail(at, "Attribute missing", `%q does not say its region; write region = "…".`, host)
	}
}
