package har

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/audit/record"
)

// An entry is one request (HAR 1.2, section 4.6). What begins with "_" is ours.
type entry struct {
	Started  string    `json:"startedDateTime"`
	Time     float64   `json:"time"` // ms
	Request  request   `json:"request"`
	Response response  `json:"response"`
	Cache    struct{}  `json:"cache"`
	Timings  timings   `json:"timings"`
	Server   string    `json:"serverIPAddress,omitempty"`
	Session  string    `json:"connection,omitempty"`
	Comment  string    `json:"comment,omitempty"`
	Ours     sallyport `json:"_sallyport"`
}

type request struct {
	Method      string    `json:"method"`
	URL         string    `json:"url"`
	Version     string    `json:"httpVersion"`
	Cookies     []pair    `json:"cookies"`
	Headers     []pair    `json:"headers"`
	Query       []pair    `json:"queryString"`
	Body        *postData `json:"postData,omitempty"`
	HeadersSize int       `json:"headersSize"`
	BodySize    int64     `json:"bodySize"`
}

type response struct {
	Status      int     `json:"status"` // 0: there was none
	StatusText  string  `json:"statusText"`
	Version     string  `json:"httpVersion"`
	Cookies     []pair  `json:"cookies"`
	Headers     []pair  `json:"headers"`
	Content     content `json:"content"`
	Redirect    string  `json:"redirectURL"`
	HeadersSize int     `json:"headersSize"`
	BodySize    int64   `json:"bodySize"`
}

type pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type postData struct {
	MimeType string `json:"mimeType"`
	Text     string `json:"text"`
	Comment  string `json:"comment,omitempty"`
}

type content struct {
	Size     int64  `json:"size"`
	MimeType string `json:"mimeType"`
	Text     string `json:"text,omitempty"`
	Comment  string `json:"comment,omitempty"`
}

type timings struct {
	Send    float64 `json:"send"`
	Wait    float64 `json:"wait"`
	Receive float64 `json:"receive"`
}

// A sallyport is what an archive has no place for.
type sallyport struct {
	ID      string `json:"id"`
	Agent   string `json:"agent"`
	Service string `json:"service,omitempty"`
	Verdict string `json:"verdict"`
	Rule    string `json:"rule,omitempty"`
	Outcome string `json:"outcome"`
}

// facts are those of a request, as its record has them.
type facts struct {
	Method, Host, Path string
	Query, Headers     []field
	ContentType        string `json:"content_type"`
	Size               int64
	Body               *struct {
		Text   string
		Hidden bool
	}
}

type field struct {
	Name   string
	Values []string
	Hidden bool
}

// hidden stands for a value that the record does not have.
const hidden = "[hidden]"

// entryOf makes an entry of a record; ok is false for what is no HTTP request.
func entryOf(r *record.Record, bodies bool) (entry, bool) {
	if r.Protocol != "http" || r.Kind != "request" || len(r.Parts) == 0 {
		return entry{}, false
	}
	var f facts
	if err := json.Unmarshal(r.Parts[0].Facts, &f); err != nil || f.Method == "" {
		return entry{}, false
	}
	ms := float64(r.Duration) / float64(time.Millisecond)
	e := entry{
		Started: r.Time.UTC().Format("2006-01-02T15:04:05.000Z"), Time: ms, Timings: timings{Wait: ms}, Session: r.Session,
		Request: request{
			Method: f.Method, URL: target(r, f), Version: "HTTP/1.1", Cookies: []pair{}, Headers: pairs(f.Headers), Query: pairs(f.Query),
			HeadersSize: -1, BodySize: max(f.Size, -1),
		},
		Response: response{Version: "HTTP/1.1", Cookies: []pair{}, Headers: []pair{}, Content: content{MimeType: "x-unknown"}, HeadersSize: -1, BodySize: -1},
		Comment:  r.Reason,
		Ours:     sallyport{r.ID, r.Agent.Name, r.Service, r.Verdict, r.Rule, r.Outcome},
	}
	if status, err := strconv.Atoi(r.Status); err == nil {
		e.Response.Status, e.Response.StatusText = status, http.StatusText(status)
		e.Response.Content.Size = r.Received
	}
	if r.Answer != nil {
		e.Response.answered(r.Answer, bodies)
	}
	if at, err := netip.ParseAddrPort(r.Upstream); err == nil {
		e.Server = at.Addr().String()
	}
	if bodies {
		e.Request.Body = body(r, f)
	}
	return e, true
}

// answered fills in what is recorded of an answer; trailers stand among its headers,
// which is all that an archive has.
func (p *response) answered(a *action.Answer, bodies bool) {
	for _, list := range [][]action.AnswerField{a.Fields, a.Trailers} {
		for _, f := range list {
			got := pairs([]field{{f.Name, f.Values, f.Hidden}})
			p.Headers = append(p.Headers, got...)
			if f.Name == "Location" && len(got) == 1 {
				p.Redirect = got[0].Value
			}
		}
	}
	p.Content.Size = a.Size
	if a.Type != "" {
		p.Content.MimeType = a.Type
	}
	if !bodies {
		return
	}
	p.Content.Text = a.Text
	var said []string
	if a.Hidden {
		said = append(said, "values that may be secrets are "+hidden)
	}
	if a.Cut {
		said = append(said, "this is its beginning")
	}
	if a.Untold != "" {
		said = append(said, "not kept: "+a.Untold)
	}
	p.Content.Comment = strings.Join(said, "; ")
}

// body gives what is recorded of a body: what the configuration keeps of it, or
// what people were shown who were asked.
func body(r *record.Record, f facts) *postData {
	switch {
	case f.Body != nil && f.Body.Text != "":
		p := &postData{MimeType: f.ContentType, Text: f.Body.Text}
		if f.Body.Hidden {
			p.Comment = "values that may be secrets are " + hidden
		}
		return p
	case r.Sample != "":
		return &postData{MimeType: f.ContentType, Text: r.Sample, Comment: "what people were shown who were asked"}
	}
	return nil
}

// pairs gives each value by itself.
func pairs(list []field) []pair {
	out := []pair{}
	for _, f := range list {
		if f.Hidden {
			out = append(out, pair{f.Name, hidden})
			continue
		}
		for _, v := range f.Values {
			out = append(out, pair{f.Name, v})
		}
	}
	return out
}

// target puts the URL together again.
func target(r *record.Record, f facts) string {
	host := f.Host
	if host == "" {
		host = r.Host
	}
	port := ""
	if at, err := netip.ParseAddrPort(r.Dst); err == nil {
		port = strconv.Itoa(int(at.Port()))
	}
	scheme := "https"
	if port == "80" {
		scheme = "http"
	}
	switch {
	case port != "" && port != "80" && port != "443":
		host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	u := scheme + "://" + host + f.Path
	mark := "?"
	for _, p := range pairs(f.Query) {
		u += mark + url.QueryEscape(p.Name) + "=" + url.QueryEscape(p.Value)
		mark = "&"
	}
	return u
}
