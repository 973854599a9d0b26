package mint

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
