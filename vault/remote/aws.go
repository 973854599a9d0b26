package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"sallyport.dev/sallyport/vault"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// The addresses of a machine's and a container's own account.
const (
	awsInstance  = "http://169.254.169.254"
	awsContainer = "http://169.254.170.2"
)

// AWS is one secret of AWS Secrets Manager (API of 2017-10-17). The gateway's own
// account reads it: that of the environment (AWS_ACCESS_KEY_ID), of the container
// (AWS_CONTAINER_CREDENTIALS_…), of a web identity (AWS_WEB_IDENTITY_TOKEN_FILE),
// or of the machine.
type AWS struct {
	Client   *http.Client
	ARN      string              // "arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME"
	Getenv   func(string) string // nil: the environment of the process
	Endpoint string              // "": Amazon's
	STS      string              // "": Amazon's
	Instance string              // "": the machine's
}

var _ vault.Remote = (*AWS)(nil)

func (a *AWS) String() string { return "aws " + a.ARN }

// ParseARN gives the region and the suffix of the hosts that an ARN of a secret
// leads to.
func ParseARN(arn string) (region, suffix string, err error) {
	parts := strings.SplitN(arn, ":", 7)
	if len(parts) != 7 || parts[0] != "arn" || parts[2] != "secretsmanager" || parts[3] == "" || parts[5] != "secret" || parts[6] == "" {
		return "", "", fmt.Errorf("%q is no ARN of a secret, like arn:aws:secretsmanager:eu-central-1:123456789012:secret:NAME", arn)
	}
	if strings.ContainsFunc(parts[3], func(r rune) bool { return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }) {
		return "", "", fmt.Errorf("%q is no region", parts[3])
	}
	if parts[1] == "aws-cn" {
		return parts[3], "amazonaws.com.cn", nil
	}
	return parts[3], "amazonaws.com", nil
}

// Fetch reads the current version.
func (a *AWS) Fetch(ctx context.Context) (vault.Fetched, error) {
	region, suffix, err := ParseARN(a.ARN)
	if err != nil {
		return vault.Fetched{}, err
	}
	account, err := a.account(ctx, region, suffix)
	if err != nil {
		return vault.Fetched{}, fmt.Errorf("account of this gateway: %w", err)
	}
	body, err := json.Marshal(map[string]string{"SecretId": a.ARN})
	if err != nil {
		return vault.Fetched{}, err
	}
	endpoint := orElse(a.Endpoint, "https://secretsmanager."+region+"."+suffix)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return vault.Fetched{}, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, account, req, hex.EncodeToString(sum[:]), "secretsmanager", region, time.Now()); err != nil {
		return vault.Fetched{}, fmt.Errorf("sign: %w", err)
	}
	var got struct {
		SecretString *string
		SecretBinary string
	}
	if err := do(a.Client, req, &got); err != nil {
		return vault.Fetched{}, fmt.Errorf("read it: %w", err)
	}
	if got.SecretString != nil {
		return vault.Fetched{Value: []byte(*got.SecretString)}, nil
	}
	value, err := base64.StdEncoding.DecodeString(got.SecretBinary)
	if err != nil {
		return vault.Fetched{}, errors.New("read it: it is no base64")
	}
	return vault.Fetched{Value: value}, nil
}

func (a *AWS) env(name string) string {
	if a.Getenv != nil {
		return a.Getenv(name)
	}
	return os.Getenv(name)
}

// account finds the gateway's own account, where Amazon's programs look for it.
func (a *AWS) account(ctx context.Context, region, suffix string) (aws.Credentials, error) {
	if id, key := a.env("AWS_ACCESS_KEY_ID"), a.env("AWS_SECRET_ACCESS_KEY"); id != "" && key != "" {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: key, SessionToken: a.env("AWS_SESSION_TOKEN")}, nil
	}
	if file, role := a.env("AWS_WEB_IDENTITY_TOKEN_FILE"), a.env("AWS_ROLE_ARN"); file != "" && role != "" {
		return a.webIdentity(ctx, file, role, orElse(a.STS, "https://sts."+region+"."+suffix))
	}
	if path := a.env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); path != "" {
		return a.metadata(ctx, awsContainer+path, nil)
	}
	if full := a.env("AWS_CONTAINER_CREDENTIALS_FULL_URI"); full != "" {
		header := http.Header{}
		if file := a.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
			token, err := readToken(file)
			if err != nil {
				return aws.Credentials{}, err
			}
			header.Set("Authorization", token)
		}
		return a.metadata(ctx, full, header)
	}
	return a.instance(ctx)
}

// metadata reads an account where a container or a machine is told its own.
func (a *AWS) metadata(ctx context.Context, url string, header http.Header) (aws.Credentials, error) {
	var got struct{ AccessKeyID, SecretAccessKey, Token string }
	if err := call(ctx, a.Client, http.MethodGet, url, header, nil, &got); err != nil {
		return aws.Credentials{}, err
	}
	if got.AccessKeyID == "" || got.SecretAccessKey == "" {
		return aws.Credentials{}, errors.New("no account is told")
	}
	return aws.Credentials{AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, SessionToken: got.Token}, nil
}

// instance asks the machine's metadata service, version 2.
func (a *AWS) instance(ctx context.Context) (aws.Credentials, error) {
	base := orElse(a.Instance, awsInstance)
	token, err := a.text(ctx, http.MethodPut, base+"/latest/api/token", http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"60"}})
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("the environment names none, and the machine has none: %w", err)
	}
	header := http.Header{"X-Aws-Ec2-Metadata-Token": {token}}
	const path = "/latest/meta-data/iam/security-credentials/"
	role, err := a.text(ctx, http.MethodGet, base+path, header)
	if err != nil {
		return aws.Credentials{}, err
	}
	role, _, _ = strings.Cut(role, "\n")
	return a.metadata(ctx, base+path+url.PathEscape(role), header)
}

// text makes a request whose answer is one short text.
func (a *AWS) text(ctx context.Context, method, url string, header http.Header) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return "", err
	}
	req.Header = header
	return read(a.Client, req, 4<<10)
}

// webIdentity trades a token of the cluster for an account (AssumeRoleWithWebIdentity).
func (a *AWS) webIdentity(ctx context.Context, file, role, sts string) (aws.Credentials, error) {
	token, err := readToken(file)
	if err != nil {
		return aws.Credentials{}, err
	}
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"},
		"RoleArn": {role}, "RoleSessionName": {"sallyport"}, "WebIdentityToken": {token},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, sts+"/", strings.NewReader(form.Encode()))
	if err != nil {
		return aws.Credentials{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	var got struct {
		AssumeRoleWithWebIdentityResponse struct {
			AssumeRoleWithWebIdentityResult struct {
				Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }
			}
		}
	}
	if err := do(a.Client, req, &got); err != nil {
		return aws.Credentials{}, err
	}
	c := got.AssumeRoleWithWebIdentityResponse.AssumeRoleWithWebIdentityResult.Credentials
	if c.AccessKeyID == "" {
		return aws.Credentials{}, errors.New("no account is given")
	}
	return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}, nil
}
