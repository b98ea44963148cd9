package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"cutover/exchange"
)

// Classify returns the class of a call's error and a short code for the log. ctx is
// the call's context. The error's own text is not used: it can hold a URL or an
// upstream's words.
func Classify(ctx context.Context, err error) (exchange.Class, string) {
	if err == nil {
		return exchange.ClassNone, ""
	}
	var timeout *TimeoutError
	if errors.As(context.Cause(ctx), &timeout) {
		return timeout.Class, ""
	}
	if ctx.Err() != nil {
		return exchange.ClassAborted, ""
	}
	if why := RefusalReason(err); why != "" {
		return exchange.ClassNotSent, why
	}
	if code := tlsCode(err); code != "" {
		return exchange.ClassTLS, code
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return exchange.ClassConnect, dialCode(err)
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return exchange.ClassConnect, "dns"
	}
	switch {
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return exchange.ClassBroken, "reset"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return exchange.ClassBroken, "eof"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return exchange.ClassBroken, "timeout"
	}
	return exchange.ClassBroken, "transport"
}

func tlsCode(err error) string {
	var (
		record  tls.RecordHeaderError
		alert   tls.AlertError
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &unknown):
		return "unknown_authority"
	case errors.As(err, &host):
		return "hostname"
	case errors.As(err, &invalid), errors.As(err, &verify):
		return "certificate"
	case errors.As(err, &record):
		return "not_tls"
	case errors.As(err, &alert):
		return "alert"
	}
	if t, ok := err.(interface{ Timeout() bool }); ok && t.Timeout() && err.Error() == "net/http: TLS handshake timeout" {
		return "handshake_timeout"
	}
	return ""
}

func dialCode(err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "dns"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	}
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return "timeout"
	}
	return "dial"
}
