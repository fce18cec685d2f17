package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// lookTimeout bounds one look; a server that is merely slow is no finding.
const lookTimeout = 3 * time.Second

// Diagnose shakes hands with the server at address (host:port) as config says and
// returns what is wrong with that, or nil when nothing is, or nobody answers. A nil
// config means a connection without TLS. It sends nothing but the handshake.
//
//	IdentityMismatch  the server's certificate is not trusted, or names another host
//	Forbidden         the server refuses the client's certificate, or wants one
//	InvalidInput      one side speaks TLS and the other does not
func Diagnose(ctx context.Context, address string, config *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil //nolint:nilerr // nobody answers: whoever asks knows that already
	}
	defer connection.Close() //nolint:errcheck // nothing was written that matters
	if config == nil {
		return unprotected(ctx, connection, address)
	}
	return protected(ctx, connection, address, config)
}

// unprotected reports a server that speaks TLS to a client that does not.
func unprotected(ctx context.Context, connection net.Conn, address string) error {
	look := tls.Client(connection, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) // #nosec G402 -- nothing is sent: whether it is TLS is all that is asked
	var alert tls.AlertError
	if err := look.HandshakeContext(ctx); err != nil && !errors.As(err, &alert) {
		return nil //nolint:nilerr // it does not speak TLS, as configured
	}
	return failure.New(failure.InvalidInput, "%s speaks TLS, and this side was not told to", address).
		WithHint("TEMPORAL_TLS=true, and TEMPORAL_TLS_SERVER_CA_CERT_PATH for an authority of your own")
}

// protected reports what keeps a handshake from succeeding.
func protected(ctx context.Context, connection net.Conn, address string, config *tls.Config) error {
	config = config.Clone()
	config.NextProtos = []string{"h2"} // which is gRPC's
	if host, _, err := net.SplitHostPort(address); err == nil && config.ServerName == "" {
		config.ServerName = host
	}
	look := tls.Client(connection, config)
	if err := look.HandshakeContext(ctx); err != nil {
		return refused(err, address)
	}
	// Since TLS 1.3 a server judges the client's certificate after the client's
	// side of the handshake is over: the first read tells.
	deadline, _ := ctx.Deadline()
	if err := look.SetReadDeadline(deadline); err != nil {
		return nil //nolint:nilerr // the connection is gone: no finding
	}
	_, err := look.Read(make([]byte, 1))
	return refused(err, address)
}

// refused classes a handshake's end; what is no verdict on the handshake is nil.
func refused(err error, address string) error {
	var (
		certificate *tls.CertificateVerificationError
		notTLS      tls.RecordHeaderError
		remote      *net.OpError
	)
	switch {
	case errors.As(err, &certificate):
		return failure.New(failure.IdentityMismatch, "the certificate of %s: %s", address, certificate.Err).
			WithHint("TEMPORAL_TLS_SERVER_CA_CERT_PATH names the authority that signed it, TEMPORAL_TLS_SERVER_NAME the host in it")
	case errors.As(err, &notTLS):
		return failure.New(failure.InvalidInput, "%s does not speak TLS, and this side was told to", address).
			WithHint("TEMPORAL_TLS=false, or the port that does")
	case errors.As(err, &remote) && remote.Op == "remote error": // an alert, as crypto/tls reports it
		return failure.New(failure.Forbidden, "%s refuses this client: %s", address, remote.Err).
			WithHint("TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH name a certificate that it trusts")
	}
	return nil
}
