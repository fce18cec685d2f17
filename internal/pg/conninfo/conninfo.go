package conninfo

import (
	"net"
	"net/url"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
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

// Secure completes a whole connection string, keywords or URL, with
// sslmode=verify-full where it names a server on another machine and no sslmode.
// Errors are InvalidInput and never show the string: it may hold a password.
func Secure(text string) (string, error) {
	if strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://") {
		return secureURL(text)
	}
	given, err := Parse(text)
	if err != nil || given["sslmode"] != "" || !anyRemote(given["host"]+","+given["hostaddr"]) {
		return text, err
	}
	return text + " sslmode=" + VerifyFull, nil
}

func secureURL(text string) (string, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		return "", failure.Invalid("conn", "is not a connection URL")
	}
	query := parsed.Query()
	if query.Get("sslmode") != "" || !anyRemote(hostsOf(parsed)+","+query.Get("host")+","+query.Get("hostaddr")) {
		return text, nil
	}
	query.Set("sslmode", VerifyFull)
	parsed.RawQuery = query.Encode()
	return parsed.String(), nil
}

// hostsOf returns the hosts of a URL, comma-separated, without their ports.
func hostsOf(parsed *url.URL) string {
	var hosts []string
	for one := range strings.SplitSeq(parsed.Host, ",") {
		if host, _, err := net.SplitHostPort(one); err == nil {
			one = host
		}
		hosts = append(hosts, strings.Trim(one, "[]"))
	}
	return strings.Join(hosts, ",")
}

func anyRemote(hosts string) bool {
	for host := range strings.SplitSeq(hosts, ",") {
		if Remote(host) {
			return true
		}
	}
	return false
}
