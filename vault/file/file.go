// Package file reads values from files that others write: when they changed, whole,
// and never one that is being written anew. It knows nothing of what they are for.
package file

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"
)

// A Stamp tells whether a file changed since it was read. The zero Stamp is that of no
// file.
type Stamp struct {
	modified time.Time
	size     int64
	file     os.FileInfo // tells a replaced file of equal time and size
}

func (s Stamp) same(t Stamp) bool {
	return t.file != nil && s.modified.Equal(t.modified) && s.size == t.size && os.SameFile(s.file, t.file)
}

// Read gives what a file holds, without the end of its line, and at most one byte more
// than most. It gives nil where the file is as it was at last, and where it is empty by
// now: being rewritten, so that the last value stands until there is another.
func Read(path string, most int, last Stamp) (value []byte, now Stamp, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, Stamp{}, err
	}
	if !info.Mode().IsRegular() { // to open a pipe would wait for its writer
		return nil, Stamp{}, fmt.Errorf("%s is no regular file", path)
	}
	now = Stamp{info.ModTime(), info.Size(), info}
	if now.same(last) {
		return nil, last, nil
	}
	if value, err = read(path, most); err != nil {
		return nil, now, err
	}
	if len(value) == 0 {
		if last.file != nil {
			return nil, last, nil
		}
		return nil, now, fmt.Errorf("%s is empty", path)
	}
	return value, now, nil
}

func read(path string, most int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	const lineEnd = 2
	b, err := io.ReadAll(io.LimitReader(f, int64(most)+1+lineEnd))
	if err != nil {
		return nil, err
	}
	return Line(b), nil
}

// Line removes the line end that editors and echo leave behind a value.
func Line(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
}
