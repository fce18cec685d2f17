package transport_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/transport"
	"github.com/terragonlabs/holdfast/testsuite/tlstest"
)

func TestDiagnose(t *testing.T) {
	t.Parallel()
	authority, stranger := tlstest.New(t), tlstest.New(t)
	pair := func(a tlstest.Authority) []tls.Certificate {
		cert, key := a.Client(t)
		loaded, err := tls.LoadX509KeyPair(cert, key)
		require.NoError(t, err)
		return []tls.Certificate{loaded}
	}
	trusting := &tls.Config{RootCAs: authority.Pool()}
	server := &tls.Config{Certificates: []tls.Certificate{authority.Server(t)}, NextProtos: []string{"h2"}}
	choosy := server.Clone()
	choosy.ClientCAs, choosy.ClientAuth = authority.Pool(), tls.RequireAndVerifyClientCert
	for name, test := range map[string]struct {
		server, client *tls.Config
		class          failure.Class // empty: nothing is wrong
	}{
		"right":                     {server, trusting, ""},
		"right, with a certificate": {choosy, &tls.Config{RootCAs: authority.Pool(), Certificates: pair(authority)}, ""},
		"neither speaks TLS":        {nil, nil, ""},
		"another authority":         {server, &tls.Config{RootCAs: stranger.Pool()}, failure.IdentityMismatch},
		"another name":              {server, &tls.Config{RootCAs: authority.Pool(), ServerName: "temporal.example.org"}, failure.IdentityMismatch},
		"certificate wanted":        {choosy, trusting, failure.Forbidden},
		"certificate of a stranger": {choosy, &tls.Config{RootCAs: authority.Pool(), Certificates: pair(stranger)}, failure.Forbidden},
		"only the client does":      {nil, trusting, failure.InvalidInput},
		"only the server does":      {server, nil, failure.InvalidInput},
		"server wants certificates": {choosy, nil, failure.InvalidInput},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := transport.Diagnose(t.Context(), greet(t, test.server), test.client)
			require.Equal(t, test.class, failure.ClassOf(err), "%v", err)
			if err != nil {
				require.Contains(t, failure.HintOf(err), "TEMPORAL_TLS")
			}
		})
	}
	require.NoError(t, transport.Diagnose(t.Context(), "127.0.0.1:1", trusting), "silence is no finding")
}

// settings is the frame with which a server begins to speak HTTP/2 (RFC 9113, section 6.5).
var settings = []byte{0, 0, 0, 4, 0, 0, 0, 0, 0}

// greet serves connections as gRPC servers do, and listens until they end.
func greet(t *testing.T, config *tls.Config) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = connection.Write(settings) // the other side may have gone
				_, _ = io.Copy(io.Discard, connection)
				_ = connection.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return address
}
