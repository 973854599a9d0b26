package remote

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"

	"sallyport.dev/sallyport/vault"
)

// The addresses of Google's services.
const (
	googleSecrets  = "https://secretmanager.googleapis.com"
	googleMetadata = "http://metadata.google.internal"
)

// Google is one secret of Google Secret Manager (cloud.google.com/secret-manager,
// REST v1). The gateway's own account reads it: that of the machine, as its
// metadata server tells.
type Google struct {
	Client   *http.Client
	Name     string // "projects/P/secrets/S", or with /versions/V
	Secrets  string // "": Google's
	Metadata string // "": the machine's
}

var _ vault.Remote = (*Google)(nil)

func (g *Google) String() string { return "gcp " + g.Name }

// Fetch reads the latest version, unless the name says another.
func (g *Google) Fetch(ctx context.Context) (vault.Fetched, error) {
	token, err := g.token(ctx)
	if err != nil {
		return vault.Fetched{}, fmt.Errorf("token of this machine: %w", err)
	}
	name := g.Name
	if !strings.Contains(name, "/versions/") {
		name += "/versions/latest"
	}
	var got struct {
		Payload struct {
			Data string `json:"data"`
			CRC  string `json:"dataCrc32c"`
		} `json:"payload"`
	}
	header := http.Header{"Authorization": {"Bearer " + token}}
	if err := call(ctx, g.Client, http.MethodGet, orElse(g.Secrets, googleSecrets)+"/v1/"+name+":access", header, nil, &got); err != nil {
		return vault.Fetched{}, fmt.Errorf("read %s: %w", g.Name, err)
	}
	value, err := base64.StdEncoding.DecodeString(got.Payload.Data)
	if err != nil {
		return vault.Fetched{}, fmt.Errorf("read %s: its payload is no base64", g.Name)
	}
	if sum := crc32.Checksum(value, crc32.MakeTable(crc32.Castagnoli)); got.Payload.CRC != "" && got.Payload.CRC != fmt.Sprint(sum) {
		return vault.Fetched{}, fmt.Errorf("read %s: its checksum does not fit", g.Name)
	}
	return vault.Fetched{Value: value}, nil
}

func (g *Google) token(ctx context.Context) (string, error) {
	var got struct {
		Token string `json:"access_token"`
	}
	const path = "/computeMetadata/v1/instance/service-accounts/default/token"
	header := http.Header{"Metadata-Flavor": {"Google"}}
	if err := call(ctx, g.Client, http.MethodGet, orElse(g.Metadata, googleMetadata)+path, header, nil, &got); err != nil {
		return "", err
	}
	if got.Token == "" {
		return "", errors.New("it gives no token")
	}
	return got.Token, nil
}
