package mint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Amazon is the Spec of an aws_sigv4 account, whose secrets are the id of an access
// key and the key.
type Amazon struct {
	RoleARN string `json:"role_arn,omitempty"` // "": the key is used itself
	Region  string `json:"region,omitempty"`   // of the service that gives roles; "": the one for all regions
	CA      string `json:"ca,omitempty"`       // what that service proves itself by; "": the host's roots
}

// amazon makes accounts that requests to AWS are signed with: the key itself, or a
// session of a role (AWS Security Token Service, AssumeRole).
type amazon struct{ asker }

func (a *amazon) Mint(ctx context.Context, auth action.Auth, secrets []vault.Secret) (vault.Minted, error) {
	var spec Amazon
	if err := json.Unmarshal([]byte(auth.Spec), &spec); err != nil {
		return vault.Minted{}, fmt.Errorf("account: %w", err)
	}
	own, until, err := a.account(ctx, spec, secrets)
	if err != nil {
		return vault.Minted{}, err
	}
	return minted(own, until)
}

// account gives what is signed with: the key itself, or a session of the role.
func (a *amazon) account(ctx context.Context, spec Amazon, secrets []vault.Secret) (vault.AWSAccount, time.Time, error) {
	own := vault.AWSAccount{
		ID: strings.TrimSpace(string(secrets[0].Reveal())), Key: strings.TrimSpace(string(secrets[1].Reveal())),
	}
	if spec.RoleARN == "" {
		return own, time.Time{}, nil
	}
	endpoint, region := "https://sts.amazonaws.com/", "us-east-1"
	if spec.Region != "" {
		endpoint, region = "https://sts."+spec.Region+".amazonaws.com/", spec.Region
	}
	return a.assume(ctx, endpoint, region, spec, own)
}

func minted(a vault.AWSAccount, until time.Time) (vault.Minted, error) {
	b, err := json.Marshal(a)
	if err != nil {
		return vault.Minted{}, err
	}
	m := vault.Minted{As: action.Auth{Scheme: "aws_sigv4"}, Value: vault.NewSecret(b), Until: until, Sent: []vault.Secret{vault.NewSecret([]byte(a.Key))}}
	if a.Session != "" {
		m.Sent = append(m.Sent, vault.NewSecret([]byte(a.Session)))
	}
	return m, nil
}

// assume asks for a session of a role.
func (a *amazon) assume(ctx context.Context, endpoint, region string, spec Amazon, own vault.AWSAccount) (vault.AWSAccount, time.Time, error) {
	form := url.Values{"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {spec.RoleARN}, "RoleSessionName": {"sallyport"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form))
	if err != nil {
		return vault.AWSAccount{}, time.Time{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	req.Header.Set("Accept", "application/json")
	creds := aws.Credentials{AccessKeyID: own.ID, SecretAccessKey: own.Key}
	if err := v4.NewSigner().SignHTTP(ctx, creds, req, sum([]byte(form)), "sts", region, a.now()); err != nil {
		return vault.AWSAccount{}, time.Time{}, fmt.Errorf("sign: %w", err)
	}
	var got struct {
		AssumeRoleResponse struct {
			AssumeRoleResult struct {
				Credentials struct {
					AccessKeyID, SecretAccessKey, SessionToken string
					Expiration                                 float64 // Unix time
				}
			}
		}
	}
	if err := a.send(req, spec.CA, http.StatusOK, &got); err != nil {
		return vault.AWSAccount{}, time.Time{}, err
	}
	c := got.AssumeRoleResponse.AssumeRoleResult.Credentials
	if c.AccessKeyID == "" || c.SecretAccessKey == "" || c.SessionToken == "" {
		return vault.AWSAccount{}, time.Time{}, errors.New("AWS gives no session of the role")
	}
	return vault.AWSAccount{ID: c.AccessKeyID, Key: c.SecretAccessKey, Session: c.SessionToken}, time.Unix(int64(c.Expiration), 0), nil
}
