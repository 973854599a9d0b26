package protocols_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"sallyport.dev/sallyport/protocols"
)

// An agent is told why in words that name nothing of the network behind.
func TestCauseNamesNothing(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 5432}
	dial := func(err error) error {
		return fmt.Errorf("reach db: %w", &protocols.Unreached{Err: fmt.Errorf("dial 10.1.2.3:5432 for db.internal: %w", &net.OpError{Op: "dial", Net: "tcp", Addr: addr, Err: err})})
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), "it refuses connections"},
		{dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), "there is no way to its address"},
		{dial(os.ErrDeadlineExceeded), "it did not answer in time"},
		{dial(context.DeadlineExceeded), "it did not answer in time"},
		{dial(os.NewSyscallError("read", syscall.ECONNRESET)), "it broke the connection off"},
		{dial(&net.DNSError{Err: "no such host", Name: "db.internal", Server: "10.0.0.2"}), "its name cannot be resolved"},
		{dial(&net.DNSError{Err: "i/o timeout", Name: "db.internal", IsTimeout: true}), "its name cannot be resolved"},
		{dial(&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"db.internal"}}, Host: "other"}}), "its certificate is for another name"},
		{dial(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), "its certificate cannot be trusted"},
		{dial(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), "no TLS could be agreed on with it"},
		{os.NewSyscallError("connect", syscall.ECONNREFUSED), ""}, // of a server of tokens, perhaps
		{dial(errors.New("something else at 10.1.2.3")), ""},
	} {
		got := protocols.Cause(tt.err)
		if got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
		if strings.ContainsAny(got, "0123456789") || strings.Contains(got, "internal") {
			t.Errorf("%q names something", got)
		}
	}
}
