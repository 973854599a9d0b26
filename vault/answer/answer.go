// Package answer asks servers and reads what they answer, within a bound. Its errors
// name the server and never what was sent or what came.
package answer

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// An Answer is what a server said.
type Answer struct {
	Host   string
	Code   int
	Status string
	Body   []byte
}

// Read sends a request and gives what answers it, of at most so many bytes. It blocks
// until the answer is there or the request's context ends.
func Read(client *http.Client, req *http.Request, most int) (*Answer, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", req.URL.Host, err)
	}
	if len(b) > most {
		return nil, fmt.Errorf("%s answers more than %d bytes", req.URL.Host, most)
	}
	return &Answer{Host: req.URL.Host, Code: resp.StatusCode, Status: resp.Status, Body: b}, nil
}

var (
	errNoAuthority = errors.New("the authority that it is to be proven by is no certificate")
	errNoRoad      = errors.New("no authority of its own can be asked for on this road")
)

// Trust gives a client that takes the same road and believes only servers that an
// authority in ca (PEM) vouches for, none of the host's; c itself where ca is "". It
// keeps no connection, so that there is nothing to close when the configuration changes.
func Trust(c *http.Client, ca string) (*http.Client, error) {
	if ca == "" {
		return c, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(ca)) {
		return nil, errNoAuthority
	}
	road, ok := c.Transport.(*http.Transport)
	if !ok {
		return nil, errNoRoad
	}
	road = road.Clone()
	if road.TLSClientConfig == nil {
		road.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	road.TLSClientConfig.RootCAs, road.DisableKeepAlives = pool, true
	own := *c
	own.Transport = road
	return &own, nil
}

// JSON reads the answer into out.
func (a *Answer) JSON(out any) error {
	if json.Unmarshal(a.Body, out) != nil {
		return fmt.Errorf("%s answers no JSON that can be read", a.Host)
	}
	return nil
}
