package harden

import (
	"syscall"
	"testing"
)

func TestProcess(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	if err := Process(); err != nil {
		t.Fatal(err)
	}
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &now); err != nil || now.Cur != 0 || now.Max != 0 {
		t.Errorf("%+v %v", now, err)
	}
	if err := Process(); err != nil {
		t.Errorf("a second time: %v", err)
	}
}
