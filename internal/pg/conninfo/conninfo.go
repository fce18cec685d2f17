package conninfo

import (
	"net"
	"strings"
)

// VerifyFull is the sslmode that demands encryption, a certificate of a trusted
// authority, and the server's name in it.
const VerifyFull = "verify-full"

// tlsKeywords are the settings that protect a connection and hold no secret, which
// both libpq and pgx know, in the order of libpq's documentation.
func tlsKeywords() []string { return []string{"sslmode", "sslcert", "sslkey", "sslrootcert", "sslsni"} }

// Quote writes a value as libpq reads it.
func Quote(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}

// Remote says that a host is not this machine: neither a socket directory nor a
// loopback address.
func Remote(host string) bool {
	if host == "" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || host == "localhost" {
		return false
	}
	ip := net.ParseIP(host)
	return ip == nil || !ip.IsLoopback()
}

// TLS returns the settings in text, and mode unless it is "", as words that protect
// a connection to host. A host on another machine gets verify-full where neither
// says how.
func TLS(text, host, mode string) ([]string, error) {
	given, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if mode != "" {
		given["sslmode"] = mode
	}
	if given["sslmode"] == "" && Remote(host) {
		given["sslmode"] = VerifyFull
	}
	var words []string
	for _, key := range tlsKeywords() {
		if given[key] != "" {
			words = append(words, key+"="+Quote(given[key]))
		}
	}
	return words, nil
}
