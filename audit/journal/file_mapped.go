//go:build linux || darwin || freebsd || netbsd || openbsd

package journal

import (
	"errors"
	"os"
	"syscall"
)

// A file is mapped into memory: the kernel owns the pages, whoever dies.
type file struct{}

func openFile(path string) (*file, []byte, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	mem, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, errors.Join(os.NewSyscallError("mmap", err), f.Close())
	}
	return new(file), mem, f.Close() // the mapping holds the file
}

// keep has nothing to do: what is in memory is in the file.
func (*file) keep([]byte, int64) error { return nil }

func (f *file) close(mem []byte) error {
	if f == nil {
		return nil
	}
	return os.NewSyscallError("munmap", syscall.Munmap(mem))
}
