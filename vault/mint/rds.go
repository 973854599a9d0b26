package mint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/vault"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// rdsLife is how long a token can be logged in with, which RDS decides.
const rdsLife = 15 * time.Minute

// RDS is the Spec of an account of a database, whose secrets are those of Amazon.
type RDS struct {
	Amazon
	Endpoint string `json:"endpoint"` // host:port, as RDS names it
}

// rds makes the password of a user of a database in Amazon RDS or Aurora: a request to
// connect, signed for its query, that is never sent (docs.aws.amazon.com/AmazonRDS,
// "Connecting to your DB instance using IAM authentication"). The server reads it as it
// is, so that it goes out by TLS only.
type rds struct{ amazon }

func (r *rds) Mint(ctx context.Context, auth action.Auth, secrets []vault.Secret) (vault.Minted, error) {
	var spec RDS
	if err := json.Unmarshal([]byte(auth.Spec), &spec); err != nil {
		return vault.Minted{}, fmt.Errorf("account: %w", err)
	}
	host, _, err := net.SplitHostPort(spec.Endpoint)
	if err != nil {
		return vault.Minted{}, fmt.Errorf("account: %w", err)
	}
	if spec.Region == "" {
		spec.Region = regionOf(host)
	}
	if spec.Region == "" {
		return vault.Minted{}, errors.New("account: the region of the database is not known")
	}
	own, until, err := r.account(ctx, spec.Amazon, secrets)
	if err != nil {
		return vault.Minted{}, err
	}
	now := r.now()
	q := url.Values{"Action": {"connect"}, "DBUser": {auth.Name}, "X-Amz-Expires": {fmt.Sprint(int(rdsLife.Seconds()))}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+spec.Endpoint+"/?"+q.Encode(), nil)
	if err != nil {
		return vault.Minted{}, err
	}
	creds := aws.Credentials{AccessKeyID: own.ID, SecretAccessKey: own.Key, SessionToken: own.Session}
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, creds, req, sum(nil), "rds-db", spec.Region, now)
	if err != nil {
		return vault.Minted{}, fmt.Errorf("sign: %w", err)
	}
	m := vault.Minted{
		As:    action.Auth{Scheme: "password", Name: auth.Name, Least: "password"},
		Value: vault.NewSecret([]byte(strings.TrimPrefix(signed, "https://"))), Until: now.Add(rdsLife),
	}
	if !until.IsZero() && until.Before(m.Until) {
		m.Until = until
	}
	return m, nil
}

// regionOf reads the region out of the name of a database.
func regionOf(host string) string {
	before, ok := strings.CutSuffix(strings.TrimSuffix(strings.ToLower(host), ".cn"), ".rds.amazonaws.com")
	if !ok {
		return ""
	}
	return before[strings.LastIndexByte(before, '.')+1:]
}
