package dashboard

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"sallyport.dev/sallyport/dashboard/route"
)

// ErrSealing means that nobody could open the backup that was asked for.
var ErrSealing = errors.New("who may open the backup")

// Sealing says who will be able to open a backup: age keys, or whoever knows the
// passphrase.
type Sealing struct {
	Recipients []string `json:"recipients,omitempty"`
	Passphrase string   `json:"passphrase,omitempty"`
}

// backup answers with a sealed archive, whose length tells whether it is whole.
func (a *API) backup(w http.ResponseWriter, r *http.Request, how Sealing) error {
	f, err := a.Backup(r.Context(), how)
	if errors.Is(err, ErrSealing) {
		return route.BadRequest("%w", err)
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it has no name any more
	info, err := f.Stat()
	if err != nil {
		return err
	}
	a.Logger.Info("backup made", "bytes", info.Size(), "by", route.Name(r))
	w.Header().Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	_, err = io.Copy(w, f)
	return err
}
