package mint

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"sallyport.dev/sallyport/action"
)

// Fits fails if a value cannot be what an account takes the secret of that name for:
// a certificate, a key or a key file. Of what is any text to an account nothing is
// said. The value is not quoted.
func Fits(auth action.Auth, name string, value []byte) error {
	for i, secret := range auth.Secrets {
		if secret != name {
			continue
		}
		var err error
		switch {
		case auth.Scheme == "mtls" && i == 0:
			err = certificate(value)
		case auth.Scheme == "mtls":
			err = privateKey(value)
		case auth.Scheme == "github_app":
			_, err = rsaKey(value)
		case auth.Scheme == "gcp_service_account":
			_, err = readKeyFile(value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// certificate reads what is shown in a TLS handshake, with those that vouch for it.
func certificate(text []byte) error {
	found := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return errors.New("it is a certificate that cannot be read")
		}
		found = true
	}
	if !found {
		return errors.New("it is no certificate in PEM (-----BEGIN CERTIFICATE-----)")
	}
	return nil
}

// privateKey reads the key of a certificate, in each form that the handshake takes.
func privateKey(text []byte) error {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return errors.New("it is a private key with a passphrase; take that away first (openssl pkey)")
		}
		_, pkcs1 := x509.ParsePKCS1PrivateKey(block.Bytes)
		_, pkcs8 := x509.ParsePKCS8PrivateKey(block.Bytes)
		_, ec := x509.ParseECPrivateKey(block.Bytes)
		if pkcs1 != nil && pkcs8 != nil && ec != nil {
			return errors.New("it is a private key that cannot be read")
		}
		return nil
	}
	return errors.New("it is no private key in PEM (-----BEGIN PRIVATE KEY-----)")
}

// A keyFile is what Google gives for a service account.
type keyFile struct {
	Type     string `json:"type"`
	Email    string `json:"client_email"`
	Key      string `json:"private_key"`
	KeyID    string `json:"private_key_id"`
	TokenURI string `json:"token_uri"`
}

func readKeyFile(text []byte) (file keyFile, err error) {
	if json.Unmarshal(text, &file) != nil || file.Type != "service_account" || file.Email == "" || file.TokenURI == "" {
		return file, errors.New("it is no key file of a service account (JSON)")
	}
	if _, err := rsaKey([]byte(file.Key)); err != nil {
		return file, fmt.Errorf("private_key: %w", err)
	}
	return file, nil
}
