package admin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sallyport.dev/sallyport/cmd/sallyport/cli"
)

// A private is a file on its way that only its owner can read, whatever stood at
// its path before. The nil private is no file.
type private struct {
	path string
	temp *os.File
}

// newPrivate makes sure that there is room for a file at path before something
// is made that cannot be had twice. No path gives no file.
func newPrivate(path string) (*private, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".sallyport-*") // made 0600
	if err != nil {
		return nil, cli.FileError("write", path, err)
	}
	return &private{path: path, temp: f}, nil
}

// keep gives the file its text and its place.
func (p *private) keep(text string) error {
	if p == nil {
		return nil
	}
	_, err := p.temp.WriteString(text)
	if err = errors.Join(err, p.temp.Sync(), p.temp.Close()); err == nil {
		err = os.Rename(p.temp.Name(), p.path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", p.path, err)
	}
	return nil
}

// discard forgets a file that was not kept.
func (p *private) discard() {
	if p == nil {
		return
	}
	p.temp.Close()
	os.Remove(p.temp.Name()) //nolint:errcheck // it is gone, or was kept
}
