package temporaltest

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
)

// Demands are what a gateway asks of those who come.
type Demands struct {
	Certificate tls.Certificate // its own
	Clients     *x509.CertPool  // who signs clients' certificates; nil: none is asked for
	APIKey      string          // in the header authorization; empty: none is asked for
}

// Gateway is a TLS server that passes gRPC on to a dev server.
type Gateway struct {
	Address string       // host:port
	Passed  atomic.Int64 // calls passed on
}

// Guard puts a gateway before s that ends with the test.
func (s Server) Guard(t testing.TB, demands Demands) *Gateway {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &Gateway{Address: listener.Addr().String()}
	config := &tls.Config{Certificates: []tls.Certificate{demands.Certificate}, MinVersion: tls.VersionTLS12}
	if demands.Clients != nil {
		config.ClientCAs, config.ClientAuth = demands.Clients, tls.RequireAndVerifyClientCert
	}
	server := &http.Server{Handler: g.handler(s.Address, demands.APIKey), TLSConfig: config, ErrorLog: zap.NewStdLog(zap.NewNop())}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.ServeTLS(listener, "", "") // ends with Close
	}()
	t.Cleanup(func() {
		_ = server.Close() // streams under way are cut, which is meant
		_ = listener.Close()
		<-done
	})
	return g
}

func (g *Gateway) handler(address, apiKey string) http.Handler {
	var plain http.Protocols
	plain.SetUnencryptedHTTP2(true) // as gRPC speaks without TLS
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy.Transport, proxy.FlushInterval, proxy.ErrorLog = &http.Transport{Protocols: &plain}, -1, zap.NewStdLog(zap.NewNop())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if apiKey != "" && r.Header.Get("Authorization") != "Bearer "+apiKey {
			refuse(w)
			return
		}
		g.Passed.Add(1)
		proxy.ServeHTTP(w, r)
	})
}

// refuse answers as gRPC does: the status is in the headers, since nothing follows.
func refuse(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Grpc-Status", strconv.Itoa(int(codes.Unauthenticated)))
	w.Header().Set("Grpc-Message", "unknown API key")
	w.WriteHeader(http.StatusOK)
}
