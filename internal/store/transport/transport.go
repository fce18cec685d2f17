package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// How long each stage may take. A store in another region answers a handshake
// within a second; the stall bound is above the longest silence providers
// document while they assemble a multipart object.
const (
	dialTimeout   = 10 * time.Second
	tlsTimeout    = 10 * time.Second
	stallTimeout  = 2 * time.Minute
	idleTimeout   = 90 * time.Second
	continueAfter = time.Second
	// connectionsKept idle per host: above the parts any caller moves at once, so
	// that no transfer pays for a new handshake.
	connectionsKept = 64
	// bufferBytes per connection and direction: with the default 4 KiB a 64 MiB
	// part costs 16 000 system calls each way.
	bufferBytes = 128 << 10
)

// Options tune a transport.
type Options struct {
	RootCAs      *x509.CertPool // nil: the system's
	StallTimeout time.Duration  // longest silence on a connection in use; 0 means 2 minutes
}

// New returns a transport for one object store.
func New(opts Options) *http.Transport {
	stall := opts.StallTimeout
	if stall <= 0 {
		stall = stallTimeout
	}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &stallGuard{Conn: conn, limit: stall}, nil
		},
		TLSClientConfig:       &tls.Config{RootCAs: opts.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   tlsTimeout,
		ResponseHeaderTimeout: stall,
		ExpectContinueTimeout: continueAfter,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConns:          2 * connectionsKept,
		MaxIdleConnsPerHost:   connectionsKept,
		ReadBufferSize:        bufferBytes,
		WriteBufferSize:       bufferBytes,
		// Objects are ciphertext. HTTP/2 would put all transfers on one connection.
		DisableCompression: true,
		ForceAttemptHTTP2:  false,
	}
}

// RootCAs returns a pool of the PEM certificates in pem, or nil (the system's)
// when pem is empty.
func RootCAs(pem []byte) (*x509.CertPool, error) {
	if len(pem) == 0 {
		return nil, nil //nolint:nilnil // crypto/tls reads a nil pool as "the system's"
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, failure.Invalid("ca", "holds no PEM certificate")
	}
	return pool, nil
}

// stallGuard moves the connection's deadline on with every byte. Writing moves
// the read deadline too: the answer to a long upload is not late while the
// upload still flows.
type stallGuard struct {
	net.Conn

	limit time.Duration
}

func (g *stallGuard) Read(p []byte) (int, error) {
	if err := g.SetReadDeadline(time.Now().Add(g.limit)); err != nil {
		return 0, err
	}
	return g.Conn.Read(p)
}

func (g *stallGuard) Write(p []byte) (int, error) {
	if err := g.SetDeadline(time.Now().Add(g.limit)); err != nil {
		return 0, err
	}
	return g.Conn.Write(p)
}
