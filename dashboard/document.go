package dashboard

import (
	"net/http"
	"sync"

	"sallyport.dev/sallyport/dashboard/openapi"
)

// document serves the description of the API, which is made when it is first
// wanted.
func (a *API) document() func(http.ResponseWriter, *http.Request) error {
	made := sync.OnceValues(func() ([]byte, error) { return openapi.Document(a.Routes(), a.Version) })
	return func(w http.ResponseWriter, _ *http.Request) error {
		b, err := made()
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(b) //nolint:errcheck // whoever asked has gone
		return nil
	}
}
