package http

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/sallyport/protocols/http/aws"
	"sallyport.dev/sallyport/protocols/http/origin"
	"sallyport.dev/sallyport/vault"
)

// authorize asks the credential what it sets. What an agent signed is signed anew,
// over what is sent.
func (t *transfer) authorize(ctx context.Context, cred *vault.Credential) (origin.Injection, error) {
	if t.AWS == nil {
		return origin.Authorize(cred)
	}
	payload, err := t.payload(ctx)
	if err != nil {
		return origin.Injection{}, fmt.Errorf("hash of the body: %w", err)
	}
	fields, err := t.AWS.Sign(ctx, aws.Request{
		Method: t.Facts.Method, Host: t.HostPort, Path: t.Path, Query: t.Query, Header: t.r.Header, Length: max(0, t.length()),
	}, payload, cred, time.Now())
	return origin.Injection{Header: fields}, err
}

// payload is what the signature says of the body. A body that the agent's own does
// not speak of is taken in for it, as far as bodies are.
func (t *transfer) payload(ctx context.Context) (string, error) {
	if t.AWS.Payload != "" {
		return t.AWS.Payload, nil
	}
	if !t.isWhole() {
		if err := t.take(ctx); err != nil {
			return "", err
		}
	}
	return aws.Hash(t.whole().All)
}
