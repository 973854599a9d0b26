package http

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/protocols/http/ask"
)

// asksFor is the action that an approver of a request to svc sees.
func asksFor(t *testing.T, svc *action.Service, r *http.Request, body string) *ask.Ask {
	t.Helper()
	a, p := ask.Read(ask.Place{Peer: &action.Peer{}, Service: svc, Name: "api.example", Secure: true}, r)
	if p != nil {
		t.Fatal(p)
	}
	if err := a.Whole(r.Header, nil, ask.Bytes([]byte(body))); err != nil {
		t.Fatal(err)
	}
	return a
}

// amazon is a service that is signed for, as an agent asks it for a region and a
// service, with fields of its own.
func amazon(t *testing.T, uri, scope, payload string, fields http.Header) *ask.Ask {
	t.Helper()
	h := http.Header{
		"Authorization":        {"AWS4-HMAC-SHA256 Credential=AKIADUMMY/20260101/" + scope + "/aws4_request, SignedHeaders=host, Signature=" + strings.Repeat("0", 64)},
		"X-Amz-Date":           {"20260101T000000Z"},
		"X-Amz-Content-Sha256": {payload},
		"X-Amz-Security-Token": {canary},
	}
	for name, values := range fields {
		h[name] = values
	}
	return asksFor(t, &action.Service{Name: "api", Injects: true, Signs: true}, post(uri, h), "{}")
}

const unsigned = "UNSIGNED-PAYLOAD"

// What is asked of Amazon stands in its fields: an approver and the rules see them,
// and nothing that authorizes.
func TestT40_TheOperationOfAWSIsSeen(t *testing.T) {
	table := Facts()
	for _, c := range []struct{ field, value, shown string }{
		{"X-Amz-Target", "DynamoDB_20120810.DeleteTable", "DynamoDB_20120810.DeleteTable"},
		{"X-Amz-Acl", "public-read-write", "public-read-write"},
		{"X-Amz-Copy-Source", "/payroll/all.csv", "/payroll/all.csv"},
		{"X-Amz-Server-Side-Encryption-Customer-Key", canary, "[hidden]"},
		{"X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key", canary, "[hidden]"},
		{"X-Amz-Mfa", "arn " + canary, "[hidden]"},
		{"X-Amz-Meta-Password", canary, "[hidden]"},
	} {
		a := amazon(t, "/", "eu-central-1/dynamodb", unsigned, http.Header{c.field: {c.value}})
		s := string(a.Act.Sample)
		if !strings.Contains(s, "\nheader "+c.field+": "+c.shown+"\n") || strings.Contains(s, canary) {
			t.Errorf("%s: %s", c.field, s)
		}
		want := c.value
		if c.shown == "[hidden]" {
			want = "unknown"
		}
		if got := factText(table, &a.Facts, "http.headers."+strings.ToLower(c.field)); got != want {
			t.Errorf("%s as a fact: %s", c.field, got)
		}
		if hides := a.Act.Hidden > 0; hides != (want == "unknown") {
			t.Errorf("%s: %d bytes are hidden", c.field, a.Act.Hidden)
		}
	}
}

// What the gateway signs is what was approved: not another region, service or way
// to speak of the body.
func TestT40_WhatIsSignedIsWhatWasApproved(t *testing.T) {
	first := amazon(t, "/b/k", "eu-central-1/s3", unsigned, nil)
	if s := string(first.Act.Sample); !strings.Contains(s, "\nsigned for s3 in eu-central-1, payload UNSIGNED-PAYLOAD\n") {
		t.Error(s)
	}
	for _, c := range []struct {
		scope, payload string
		same           bool
	}{
		{"eu-central-1/s3", unsigned, true},
		{"us-east-1/s3", unsigned, false},
		{"eu-central-1/s3express", unsigned, false},
		{"eu-central-1/s3", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", false},
		{"eu-central-1/s3", strings.Repeat("0", 64), false},
	} {
		if got := amazon(t, "/b/k", c.scope, c.payload, nil); bytes.Equal(got.Act.Digest, first.Act.Digest) != c.same {
			t.Errorf("%s %s: same=%v", c.scope, c.payload, !c.same)
		}
	}
}

// A yes for what is similar is for one operation, wherever the request names it.
func TestT40_SimilarIsNeverAnotherOperation(t *testing.T) {
	if got := amazon(t, "/", "eu-central-1/dynamodb", unsigned, nil).Act.Alike; got != "" {
		t.Errorf("a signed service: %q", got)
	}
	for _, c := range []struct {
		uri    string
		fields http.Header
		want   string
	}{
		{"/b", nil, "POST https://api.example/b"},
		{"/b?policy", nil, "POST https://api.example/b?policy"},
		{"/b?action=list", nil, "POST https://api.example/b?action=list"},
		{"/b?action=delete", nil, "POST https://api.example/b?action=delete"},
		{"/b?code=delete", nil, ""}, // its value must not be shown
		{"/b?action=list;action=delete", nil, ""},
		{"/b?a=" + strings.Repeat("x", 2000), nil, ""},
		{"/", http.Header{"X-Amz-Target": {"DynamoDB_20120810.GetItem"}}, ""},
		{"/", http.Header{"Authorization": {"AWS4-HMAC-SHA256 Credential=x"}}, ""},
		{"/", http.Header{"Soapaction": {"urn:drop"}}, ""},
	} {
		if got := asksFor(t, &action.Service{Name: "api"}, post(c.uri, c.fields), "").Act.Alike; got != c.want {
			t.Errorf("%.80s %v: %q, want %q", c.uri, c.fields, got, c.want)
		}
	}
}

// What an approver is not shown is counted, so that no judge decides without it.
func TestT40_WhatIsMaskedIsCounted(t *testing.T) {
	for _, c := range []struct {
		uri    string
		fields http.Header
		want   int64
	}{
		{"/?code=drop-all", nil, int64(len("drop-all"))},
		{"/?a=1&key=drop&%73ig=all", nil, int64(len("dropall"))},
		{"/", http.Header{"X-Session-Command": {"drop", "all"}}, int64(len("dropall"))},
		{"/", http.Header{"X-" + strings.Repeat("Long-", 20): {"drop"}}, int64(len("drop"))},
		{"/", http.Header{"User-Agent": {"drop all"}, "Accept": {"text/x-drop"}, "Accept-Language": {"drop"}}, 0},
	} {
		act := whole(t, post(c.uri, c.fields), "seen")
		s := string(act.Sample)
		if act.Hidden != c.want || toldHidden(t, s) != c.want {
			t.Errorf("%s %v: %d bytes are hidden, want %d:\n%s", c.uri, c.fields, act.Hidden, c.want, s)
		}
		if c.want == 0 && (!strings.HasSuffix(s, "| seen\nheader Accept: text/x-drop\nheader Accept-Language: drop\nheader User-Agent: drop all\n")) {
			t.Errorf("what every request has stands at the end:\n%s", s)
		}
	}
}

// Fields that differ between attempts carry a few words past a yes, and no more.
func TestT40_IncidentalFieldsCarryLittle(t *testing.T) {
	plain := whole(t, post("/pay", nil), "")
	for _, c := range []struct {
		name   string
		fields http.Header
		same   bool
	}{
		{"a client", http.Header{"User-Agent": {"curl/8"}, "Traceparent": {"00-1-2-01"}, "X-Datadog-Trace-Id": {"7"}}, true},
		{"a long name of a client", http.Header{"User-Agent": {strings.Repeat("x", 513)}}, false},
		{"much baggage", http.Header{"Baggage": {strings.Repeat("x", 300)}, "Tracestate": {strings.Repeat("x", 300)}}, false},
		{"names that carry", http.Header{"X-Datadog-" + strings.Repeat("A", 300): {""}, "X-Datadog-" + strings.Repeat("B", 300): {""}}, false},
	} {
		if got := whole(t, post("/pay", c.fields), ""); bytes.Equal(got.Digest, plain.Digest) != c.same {
			t.Errorf("%s: same=%v", c.name, !c.same)
		}
	}
}
