package protocols

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"syscall"
)

// An Unreached error is why an Upstream has no link to a service: it was not reached.
type Unreached struct{ Err error }

func (u *Unreached) Error() string { return u.Err.Error() }

// Unwrap gives what happened.
func (u *Unreached) Unwrap() error { return u.Err }

// Cause says in a few words why a service was Unreached, "" where it was not, or not
// for one of a few plain reasons. It is for agents, so it names nothing: no address,
// no certificate, no account.
func Cause(err error) string {
	var reach *Unreached
	if !errors.As(err, &reach) {
		return ""
	}
	var (
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		name    x509.HostnameError
		foreign x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		timeout net.Error
	)
	switch {
	case errors.As(err, &dns):
		return "its name cannot be resolved"
	case errors.As(err, &name):
		return "its certificate is for another name"
	case errors.As(err, &cert), errors.As(err, &foreign), errors.As(err, &invalid):
		return "its certificate cannot be trusted"
	case errors.As(err, &record), errors.As(err, &alert):
		return "no TLS could be agreed on with it"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "it refuses connections"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to its address"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it did not answer in time"
	case errors.Is(err, syscall.ECONNRESET):
		return "it broke the connection off"
	}
	return ""
}
