// Package aws signs requests to Amazon anew: the agent signs with any key, which
// says what is asked for, and the gateway with the account's own. It knows
// Signature Version 4 (docs.aws.amazon.com/IAM, "Signing AWS API requests") and
// judges nothing.
package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sallyport.dev/sallyport/vault"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	algorithm     = "AWS4-HMAC-SHA256"
	contentSHA256 = "X-Amz-Content-Sha256"
	hexSHA256     = 64
)

// A Scope is what an agent's signature is for, and what it says of the body.
type Scope struct {
	Region, Service string
	Payload         string // the value of X-Amz-Content-Sha256; "": the body has to be looked at
}

var (
	errUnsigned = errors.New("a request to AWS is signed; sign it with any key, and the gateway signs it anew")
	errShape    = errors.New("the signature is none of Signature Version 4")
	errChunks   = errors.New("chunks that are signed one by one cannot be signed anew; send them unsigned (STREAMING-UNSIGNED-PAYLOAD-TRAILER), as AWS's SDKs do over TLS")
)

// Read takes the scope out of the signature that an agent put on a request, in its
// header or, presigned, in its query. It must have the shape of one; who signed, and
// whether rightly, is of no matter: nothing of it is sent.
func Read(header http.Header, query string) (*Scope, error) {
	sig, err := read(header, query)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(sig.credential, "/") // KEY/DATE/REGION/SERVICE/aws4_request
	if len(parts) < 5 || parts[0] == "" || parts[len(parts)-1] != "aws4_request" {
		return nil, errShape
	}
	s := &Scope{Region: parts[len(parts)-3], Service: parts[len(parts)-2]}
	if !name(s.Region) || !name(s.Service) || !sig.whole(parts[len(parts)-4]) {
		return nil, errShape
	}
	switch values := header[contentSHA256]; {
	case len(values) > 1:
		return nil, errShape
	case len(values) == 1:
		s.Payload = values[0]
	}
	switch p := s.Payload; {
	case p == "", p == "UNSIGNED-PAYLOAD", p == "STREAMING-UNSIGNED-PAYLOAD-TRAILER", digest(p):
		return s, nil
	case strings.HasPrefix(p, "STREAMING-"):
		return nil, errChunks
	}
	return nil, errShape
}

// name reports whether s can be the name of a region or a service.
func name(s string) bool {
	bad := func(r rune) bool { return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, bad)
}

func digest(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == hexSHA256
}

// Speaks reports whether a field X-Amz-… is a part of what is asked, and not of the
// signature.
func Speaks(field string) bool {
	own := []string{
		"X-Amz-Date", contentSHA256, "X-Amz-Security-Token", "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Algorithm",
		"X-Amz-Signedheaders", "X-Amz-Expires", "X-Amz-S3session-Token",
	}
	return strings.HasPrefix(field, "X-Amz-") && !slices.Contains(own, field)
}

// A Request is what is about to be sent.
type Request struct {
	Method, Host, Path, Query string // as they are sent
	Header                    http.Header
	Length                    int64 // of the body, as it is stated; 0 if it is not
}

// Hash is the value of X-Amz-Content-Sha256 of a body.
func Hash(body io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Sign gives the fields that a signature of the account adds. payload is the
// scope's, or the Hash of the body.
func (s *Scope) Sign(ctx context.Context, r Request, payload string, cred *vault.Credential, now time.Time) (http.Header, error) {
	id, key, session, err := cred.AWS()
	if err != nil {
		return nil, err
	}
	path, err := url.PathUnescape(r.Path)
	if err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	req := &http.Request{
		Method: r.Method, Host: r.Host, Header: http.Header{}, ContentLength: r.Length,
		URL: &url.URL{Scheme: "https", Host: r.Host, Path: path, RawPath: r.Path, RawQuery: r.Query},
	}
	for field, values := range r.Header {
		if Speaks(field) || field == "Content-Type" || field == "Content-Md5" {
			req.Header[field] = slices.Clone(values)
		}
	}
	s3 := strings.HasPrefix(s.Service, "s3")
	if s.Payload != "" || s3 {
		req.Header.Set(contentSHA256, payload)
	}
	account := sdk.Credentials{AccessKeyID: id, SecretAccessKey: key, SessionToken: session}
	err = v4.NewSigner().SignHTTP(ctx, account, req, payload, s.Service, s.Region, now, func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s3 })
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	out := http.Header{}
	for _, field := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token", contentSHA256} {
		if v := req.Header.Get(field); v != "" {
			out[field] = []string{v}
		}
	}
	return out, nil
}
