//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package journal

import (
	"io"
	"os"
)

// A file is written as its copy in memory changes; the system holds what was
// written, whoever dies.
type file struct{ f *os.File }

func openFile(path string) (*file, []byte, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	mem, err := io.ReadAll(f)
	if err != nil {
		return nil, nil, err
	}
	return &file{f}, mem, nil
}

func (f *file) keep(b []byte, at int64) error {
	if f == nil {
		return nil
	}
	_, err := f.f.WriteAt(b, at)
	return err
}

func (f *file) close([]byte) error {
	if f == nil {
		return nil
	}
	return f.f.Close()
}
