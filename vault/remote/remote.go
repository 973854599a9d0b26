// Package remote fetches secrets from the stores that teams keep them in: Vault
// or OpenBao, AWS Secrets Manager, Google Secret Manager. It asks by their HTTP
// APIs with the client it is handed, and keeps nothing.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"sallyport.dev/sallyport/vault/answer"
)

// maxAnswer bounds what a store may answer.
const maxAnswer = 1 << 20

// call sends one request with a JSON body (nil for none), and reads the JSON that
// answers it into out. No error quotes what was sent or what came.
func call(ctx context.Context, c *http.Client, method, url string, header http.Header, body, out any) error {
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, sent)
	if err != nil {
		return err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if body != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return do(c, req, out)
}

// do sends req and reads the JSON that answers it.
func do(c *http.Client, req *http.Request, out any) error {
	a, err := ask(c, req, maxAnswer)
	if err != nil {
		return err
	}
	return a.JSON(out)
}

// read sends req and gives what answers it, of at most limit bytes.
func read(c *http.Client, req *http.Request, limit int) (string, error) {
	a, err := ask(c, req, limit)
	if err != nil {
		return "", err
	}
	return string(a.Body), nil
}

// ask takes no answer but 200.
func ask(c *http.Client, req *http.Request, limit int) (*answer.Answer, error) {
	a, err := answer.Read(c, req, limit)
	if err == nil && a.Code != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s%s", a.Host, a.Status, reason(a.Body))
	}
	return a, err
}

// reason gives what a store says of an error, cut short: ": permission denied".
func reason(b []byte) string {
	var said struct {
		Errors  []string `json:"errors"`  // Vault
		Type    string   `json:"__type"`  // AWS
		Message string   `json:"message"` // AWS
		Error   any      `json:"error"`   // Google, OAuth
	}
	if json.Unmarshal(b, &said) != nil {
		return ""
	}
	text := strings.Join(said.Errors, "; ")
	if text == "" {
		text = strings.TrimSpace(said.Type + " " + said.Message)
	}
	switch e := said.Error.(type) {
	case string:
		text = e
	case map[string]any:
		text = fmt.Sprint(e["status"], " ", e["message"])
	}
	if text == "" {
		return ""
	}
	return fmt.Sprintf(": %.200q", text)
}

// readToken reads a short file, such as a token that somebody else renews.
func readToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return token, nil
}

// field gives one member of an object as bytes: a text as it is, anything else as
// JSON.
func field(data map[string]json.RawMessage, name string) ([]byte, error) {
	raw, ok := data[name]
	if !ok {
		return nil, fmt.Errorf("there is no field %q", name)
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []byte(text), nil
	}
	if string(raw) == "null" {
		return nil, errors.New("the field is null")
	}
	return raw, nil
}
