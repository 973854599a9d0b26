package mint

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/vault"
)

func TestAmazon(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		auth := r.Header.Get("Authorization")
		switch {
		case !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=AKID/20261125/") || !strings.Contains(auth, "/sts/aws4_request"):
			http.Error(w, `{"Error":{"Code":"InvalidClientTokenId","Message":"canary"}}`, http.StatusForbidden)
		case string(body) != "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fagent&RoleSessionName=sallyport&Version=2011-06-15":
			t.Errorf("asked %s", body)
		default:
			fmt.Fprintf(w, `{"AssumeRoleResponse":{"AssumeRoleResult":{"AssumedRoleUser":{"Arn":"x"},"Credentials":{"AccessKeyId":"ASIA1","SecretAccessKey":"session-key","SessionToken":"session-token of %s","Expiration":%d}}}}`, r.Host, at.Add(time.Hour).Unix())
		}
	}))
	defer srv.Close()
	client := srv.Client()
	transport := client.Transport.(*http.Transport)
	transport.TLSClientConfig.InsecureSkipVerify = true // the server stands in for Amazon's
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
	}
	m := minter(t, srv, "aws_sigv4")
	for _, c := range []struct {
		name string
		spec Amazon
		want vault.AWSAccount
		life time.Duration
		sent int
	}{
		{"the key itself", Amazon{}, vault.AWSAccount{ID: "AKID", Key: "the-key"}, 0, 1},
		{"a role", Amazon{RoleARN: "arn:aws:iam::1:role/agent"}, vault.AWSAccount{ID: "ASIA1", Key: "session-key", Session: "session-token of sts.amazonaws.com"}, time.Hour, 2},
		{"in a region", Amazon{RoleARN: "arn:aws:iam::1:role/agent", Region: "eu-west-1"}, vault.AWSAccount{ID: "ASIA1", Key: "session-key", Session: "session-token of sts.eu-west-1.amazonaws.com"}, time.Hour, 2},
	} {
		got, err := m.Mint(t.Context(), account("aws_sigv4", c.spec, "id", "key"), secrets("AKID", "the-key\n"))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var a vault.AWSAccount
		if err := json.Unmarshal(got.Value.Reveal(), &a); err != nil || a != c.want || len(got.Sent) != c.sent {
			t.Errorf("%s: %+v, %v", c.name, a, err)
		}
		if c.life == 0 != got.Until.IsZero() || c.life > 0 && !got.Until.Equal(at.Add(c.life)) {
			t.Errorf("%s: until %s", c.name, got.Until)
		}
	}
	_, err := m.Mint(t.Context(), account("aws_sigv4", Amazon{RoleARN: "arn:x"}, "id", "key"), secrets("OTHER", "k"))
	if err == nil || !strings.Contains(err.Error(), "403") || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
}

// presigned holds a token against the key, step by step as AWS describes it (Signature
// Version 4, "query parameters").
func presigned(t *testing.T, token, key, service string) url.Values {
	t.Helper()
	host, query, ok := strings.Cut(token, "/?")
	if !ok {
		t.Fatalf("no token: %s", token)
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	signature := q.Get("X-Amz-Signature")
	unsigned := maps.Clone(q)
	unsigned.Del("X-Amz-Signature")
	canonical := strings.Join([]string{
		"GET", "/", strings.ReplaceAll(unsigned.Encode(), "+", "%20"), "host:" + host, "", "host", sum(nil),
	}, "\n")
	scope := strings.SplitN(q.Get("X-Amz-Credential"), "/", 2)[1]
	text := strings.Join([]string{"AWS4-HMAC-SHA256", q.Get("X-Amz-Date"), scope, sum([]byte(canonical))}, "\n")
	parts := strings.Split(scope, "/")
	if parts[2] != service {
		t.Errorf("signed for %s", parts[2])
	}
	mac := []byte("AWS4" + key)
	for _, s := range append(parts, text) {
		h := hmac.New(sha256.New, mac)
		h.Write([]byte(s))
		mac = h.Sum(nil)
	}
	if hex.EncodeToString(mac) != signature {
		t.Errorf("the signature does not hold")
	}
	return q
}

func TestRDS(t *testing.T) {
	m := All(http.DefaultClient, nil, func() time.Time { return at })["aws_rds_iam"]
	for _, spec := range []RDS{
		{Endpoint: "app.abc.eu-central-1.rds.amazonaws.com:5432"},
		{Endpoint: "app.abc.rds.test:5432", Amazon: Amazon{Region: "eu-central-1"}},
		{Endpoint: "app.abc.cn-north-1.rds.amazonaws.com.cn:5432"},
	} {
		auth := account("aws_rds_iam", spec, "id", "key")
		auth.Name = "agent ro"
		got, err := m.Mint(t.Context(), auth, secrets("AKID", "the-key\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got.As.Scheme != "password" || got.As.Name != "agent ro" || got.As.Least != "password" || !got.Until.Equal(at.Add(15*time.Minute)) {
			t.Errorf("%+v until %s", got.As, got.Until)
		}
		token := string(got.Value.Reveal())
		q := presigned(t, token, "the-key", "rds-db")
		if !strings.HasPrefix(token, spec.Endpoint+"/?") || q.Get("Action") != "connect" || q.Get("DBUser") != "agent ro" || q.Get("X-Amz-Expires") != "900" || strings.Contains(token, "the-key") {
			t.Errorf("%s", token)
		}
	}
	if _, err := m.Mint(t.Context(), account("aws_rds_iam", RDS{Endpoint: "db.test:5432"}, "id", "key"), secrets("AKID", "k")); err == nil {
		t.Error("a token for no region")
	}
}
