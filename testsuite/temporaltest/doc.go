// Package temporaltest starts a Temporal dev server for one test, and puts a
// gateway before it that asks of clients what a hosted server does: TLS, a
// client's certificate, an API key.
package temporaltest
