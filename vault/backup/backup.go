// Package backup writes and reads a sealed archive of what a gateway cannot be
// made again without. What it seals only the recipients can open; it knows names
// and bytes, and nothing of what they mean.
package backup

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"filippo.io/age"
)

// maxFile bounds one file of an archive that is read.
const maxFile = 64 << 30

// ErrForeign means that a file is no archive of this program.
var ErrForeign = errors.New("it is no backup of sallyport")

// ErrSealed means that none of the identities opens it.
var ErrSealed = errors.New("that does not open the backup")

var errCut = errors.New("the backup is damaged, or its end is missing")

// marker is the first file of an archive: what it is, and in which form.
const marker = "sallyport-backup-1"

// A File is one file of an archive.
type File struct {
	Name string
	Size int64
	Data io.Reader
}

// Write seals files for the recipients, as a tar within age (age-encryption.org/v1).
func Write(w io.Writer, made time.Time, files []File, to ...age.Recipient) error {
	sealed, err := age.Encrypt(w, to...)
	if err != nil {
		return fmt.Errorf("seal the backup: %w", err)
	}
	t := tar.NewWriter(sealed)
	for _, f := range append([]File{{Name: marker}}, files...) {
		h := &tar.Header{Name: f.Name, Mode: 0o600, Size: f.Size, ModTime: made.UTC().Truncate(time.Second), Format: tar.FormatPAX}
		if err := t.WriteHeader(h); err != nil {
			return fmt.Errorf("write %s: %w", f.Name, err)
		}
		if f.Data == nil {
			continue
		}
		if _, err := io.Copy(t, f.Data); err != nil {
			return fmt.Errorf("write %s: %w", f.Name, err)
		}
	}
	return errors.Join(t.Close(), sealed.Close())
}

// Read opens an archive with one of the identities and hands every file to take.
// The archive is whole only if Read returns no error: until then nothing that was
// handed over may be used.
func Read(r io.Reader, take func(File) error, with ...age.Identity) error {
	plain, err := age.Decrypt(r, with...)
	var foreign *age.NoIdentityMatchError
	switch {
	case errors.As(err, &foreign):
		return fmt.Errorf("%w: %w", ErrSealed, foreign)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	t := tar.NewReader(plain)
	h, err := t.Next()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, tar.ErrHeader) {
		return fmt.Errorf("%w: %w", errCut, err)
	}
	if err != nil || h.Name != marker {
		return ErrForeign
	}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errCut, err)
		}
		if h.Typeflag != tar.TypeReg || path.Base(h.Name) != h.Name || h.Name == "." || h.Name == ".." || h.Size > maxFile {
			return fmt.Errorf("%w: %q cannot be in it", ErrForeign, h.Name)
		}
		if err := take(File{Name: h.Name, Size: h.Size, Data: t}); err != nil {
			return err
		}
	}
	// The end of the seal proves that nothing was cut off.
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return fmt.Errorf("%w: %w", errCut, err)
	}
	return nil
}
