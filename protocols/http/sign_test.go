package http

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/internal/sigv4"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signing is a bench whose service signs for AWS, and whose origin takes nothing
// that is not signed by the account.
func signing(t *testing.T) *bench {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := sigv4.Verify(r, body, "AKIDREAL", "real-secret-access-key", ""); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		if p := r.Header.Get("X-Amz-Content-Sha256"); len(p) == 64 && p != fmt.Sprintf("%x", sha256.Sum256(body)) {
			http.Error(w, "XAmzContentSHA256Mismatch", http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%s target=%s token=%s body=%d", r.URL.Path, r.Header.Get("X-Amz-Target"), r.Header.Get("X-Amz-Security-Token"), len(body))
	}))
	b.auth = &action.Auth{Scheme: "aws_sigv4", Secrets: []string{"s"}}
	b.svc.Injects, b.svc.Signs = true, true
	b.secret = `{"id":"AKIDREAL","key":"real-secret-access-key","session":"the-session-token"}`
	return b
}

// dummy signs as an agent does, with a key of its own making.
func dummy(t *testing.T, r *http.Request, body, service string) {
	t.Helper()
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(body)))
	if service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	creds := sdk.Credentials{AccessKeyID: "AKIADUMMY", SecretAccessKey: "dummy", SessionToken: "dummy-token"}
	err := v4.NewSigner().SignHTTP(t.Context(), creds, r, hash, service, "eu-central-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatAnAgentSignsIsSignedAnew(t *testing.T) {
	b := signing(t)
	for _, c := range []struct {
		name, method, target, body, service string
		change                              func(*http.Request)
		code                                int
		want                                string
	}{
		{"an object", "GET", "/bucket/a%20b/c.txt?list-type=2&prefix=a%2Fb", "", "s3", nil, 200, "/bucket/a b/c.txt target= token=the-session-token body=0"},
		{"an upload", "PUT", "/bucket/key", "hello", "s3", nil, 200, "body=5"},
		{"a call", "POST", "/", `{"TableName":"x"}`, "dynamodb", func(r *http.Request) { r.Header.Set("X-Amz-Target", "DynamoDB_20120810.GetItem") }, 200, "target=DynamoDB_20120810.GetItem token=the-session-token body=17"},
		{"a stream", "PUT", "/bucket/key", "hello", "s3", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }, 200, "body=5"},
		{"another body", "PUT", "/bucket/key", "hello", "s3", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", strings.Repeat("0", 64)) }, 400, "Mismatch"},
		{"signed chunks", "PUT", "/bucket/key", "hello", "s3", func(r *http.Request) {
			r.Header.Set("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
		}, 400, "signed one by one"},
		{"unsigned", "GET", "/bucket/key", "", "s3", func(r *http.Request) { r.Header.Del("Authorization") }, 400, "sign it with any key"},
		{"another scheme", "GET", "/bucket/key", "", "s3", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 400, "Signature Version 4"},
		{"a strange scope", "GET", "/bucket/key", "", "s3", func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=A/20260101/eu\x20central/s3/aws4_request, SignedHeaders=host, Signature=0")
		}, 400, "Signature Version 4"},
	} {
		for _, h2 := range []bool{false, true} {
			req, err := http.NewRequest(c.method, "https://api.example"+c.target, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			dummy(t, req, c.body, c.service)
			if c.change != nil {
				c.change(req)
			}
			resp, err := b.client(h2).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got := body(t, resp)
			want := c.want
			if resp.StatusCode != c.code || !strings.Contains(got, want) {
				t.Errorf("%s: %d %s", c.name, resp.StatusCode, got)
			}
		}
	}
}

// A presigned URL of the agent's says what it is for, and nothing of it is sent.
func TestPresigned(t *testing.T) {
	b := signing(t)
	req, err := http.NewRequest("GET", "https://api.example/bucket/key?X-Amz-Expires=60&x-id=GetObject", nil)
	if err != nil {
		t.Fatal(err)
	}
	creds := sdk.Credentials{AccessKeyID: "AKIADUMMY", SecretAccessKey: "dummy"}
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), creds, req, "UNSIGNED-PAYLOAD", "s3", "eu-central-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.client(false).Get(signed)
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, resp); resp.StatusCode != 200 || strings.Contains(got, "DUMMY") {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}
