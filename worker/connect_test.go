package main

import (
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/obs"
	"github.com/terragonlabs/holdfast/testsuite/temporaltest"
	"github.com/terragonlabs/holdfast/testsuite/tlstest"
)

// TestConnectByTLS: the worker reaches a server behind TLS, a client's certificate
// and an API key by Temporal's own settings; what waiting cannot mend ends at once.
func TestConnectByTLS(t *testing.T) {
	server := temporaltest.Start(t)
	authority, stranger := tlstest.New(t), tlstest.New(t)
	gateway := server.Guard(t, temporaltest.Demands{Certificate: authority.Server(t), Clients: authority.Pool(), APIKey: "right"})
	cert, key := authority.Client(t)
	metrics, err := obs.NewMetrics(zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	right := map[string]string{
		"TEMPORAL_ADDRESS": gateway.Address, "TEMPORAL_NAMESPACE": "default", "TEMPORAL_API_KEY": "right",
		"TEMPORAL_TLS_SERVER_CA_CERT_PATH": authority.File, "TEMPORAL_TLS_CLIENT_CERT_PATH": cert, "TEMPORAL_TLS_CLIENT_KEY_PATH": key,
	}
	for _, test := range []struct {
		name    string
		setting string // changed from what is right
		value   string
		class   failure.Class // empty: connected
	}{
		{name: "right"},
		{"another authority", "TEMPORAL_TLS_SERVER_CA_CERT_PATH", stranger.File, failure.IdentityMismatch},
		{"another key", "TEMPORAL_API_KEY", "wrong", failure.Forbidden},
		{"no such file", "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "/nowhere/ca.pem", failure.InvalidInput},
		{"nobody there", "TEMPORAL_ADDRESS", "127.0.0.1:1", failure.Unavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range right {
				t.Setenv(name, value)
			}
			if test.setting != "" {
				t.Setenv(test.setting, test.value)
			}
			begin := time.Now()
			connected, err := connect(t.Context(), connectOptions{Log: zap.NewNop(), Metrics: metrics, Timeout: 2 * time.Second})
			if err == nil {
				connected.Close()
			}
			if failure.ClassOf(err) != test.class || err != nil && failure.HintOf(err) == "" {
				t.Errorf("got %v (class %q, hint %q), want %q", err, failure.ClassOf(err), failure.HintOf(err), test.class)
			}
			t.Logf("%s after %s", test.name, time.Since(begin))
		})
	}
}
