package main

import (
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/testsuite/temporaltest"
	"github.com/terragonlabs/holdfast/testsuite/tlstest"
)

// TestStatusByTLS: every setting of a hosted server reaches it, and each that is
// wrong is named with what to set.
func TestStatusByTLS(t *testing.T) {
	server := temporaltest.Start(t)
	authority, stranger := tlstest.New(t), tlstest.New(t)
	gateway := server.Guard(t, temporaltest.Demands{Certificate: authority.Server(t), Clients: authority.Pool(), APIKey: "right"})
	cert, key := authority.Client(t)
	strangeCert, strangeKey := stranger.Client(t)
	right := map[string]string{
		"TEMPORAL_ADDRESS": gateway.Address, "TEMPORAL_NAMESPACE": "default", "TEMPORAL_API_KEY": "right",
		"TEMPORAL_TLS_SERVER_CA_CERT_PATH": authority.File, "TEMPORAL_TLS_CLIENT_CERT_PATH": cert, "TEMPORAL_TLS_CLIENT_KEY_PATH": key,
	}
	for _, test := range []struct {
		name   string
		change map[string]string
		class  failure.Class // empty: answered
		hint   string
	}{
		{name: "right"},
		{"another authority", map[string]string{"TEMPORAL_TLS_SERVER_CA_CERT_PATH": stranger.File}, failure.IdentityMismatch, "TEMPORAL_TLS_SERVER_CA_CERT_PATH"},
		{"another name", map[string]string{"TEMPORAL_TLS_SERVER_NAME": "temporal.example.org"}, failure.IdentityMismatch, "TEMPORAL_TLS_SERVER_NAME"},
		{"no certificate", map[string]string{"TEMPORAL_TLS_CLIENT_CERT_PATH": "", "TEMPORAL_TLS_CLIENT_KEY_PATH": ""}, failure.Forbidden, "TEMPORAL_TLS_CLIENT_CERT_PATH"},
		{"a stranger's certificate", map[string]string{"TEMPORAL_TLS_CLIENT_CERT_PATH": strangeCert, "TEMPORAL_TLS_CLIENT_KEY_PATH": strangeKey}, failure.Forbidden, "TEMPORAL_TLS_CLIENT_CERT_PATH"},
		{"another API key", map[string]string{"TEMPORAL_API_KEY": "wrong"}, failure.Forbidden, "TEMPORAL_API_KEY"},
		{"TLS switched off", map[string]string{"TEMPORAL_TLS": "false"}, failure.InvalidInput, "TEMPORAL_TLS=true"},
		{"TLS where none is", map[string]string{"TEMPORAL_ADDRESS": server.Address}, failure.InvalidInput, "TEMPORAL_TLS=false"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, settings := range []map[string]string{right, test.change} {
				for name, value := range settings {
					t.Setenv(name, value)
				}
			}
			before := gateway.Passed.Load()
			code, out, complaints := starter(t, "status")
			if test.class == "" {
				if code != 0 || !strings.Contains(out, "no recovery run yet") || gateway.Passed.Load() == before {
					t.Errorf("ended with %d: %s%s", code, out, complaints)
				}
				return
			}
			if code != test.class.ExitCode() || !strings.Contains(complaints, test.hint) {
				t.Errorf("ended with %d, want %d and %q: %s", code, test.class.ExitCode(), test.hint, complaints)
			}
		})
	}
}
