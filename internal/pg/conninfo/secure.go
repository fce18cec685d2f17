package conninfo

import (
	"crypto/tls"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Secure completes a whole connection string, keywords or URL, with
// sslmode=verify-full where it leads to another machine and names no sslmode.
// Where it leads is what pgx makes of it: a host may come from the string, from
// PGHOST or from a service file, and there may be several. How it is protected is
// the string's to say: PGSSLMODE and an sslmode in a service file do not count.
// Errors are InvalidInput and never show the string: it may hold a password.
func Secure(text string) (string, error) {
	said, err := namesMode(text)
	if err != nil {
		return "", err
	}
	parsed, err := targets(text)
	if err != nil || said || !anyRemote(parsed) {
		return text, err
	}
	secured, err := withVerifyFull(text)
	if err != nil {
		return "", err
	}
	if parsed, err = targets(secured); err != nil {
		return "", err
	}
	for _, one := range parsed {
		if Remote(one.host) && !provesName(one.tls) {
			return "", failure.Invalid("conn", "leads to %s, which would not have to prove its name", one.host).
				WithHint("write sslmode=verify-full into the connection string itself")
		}
	}
	return secured, nil
}

func isURL(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// namesMode says whether the string itself names an sslmode.
func namesMode(text string) (bool, error) {
	if isURL(text) {
		query, err := queryOf(text)
		return query.Get("sslmode") != "", err
	}
	given, err := Parse(text)
	return given["sslmode"] != "", err
}

func queryOf(text string) (url.Values, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		return nil, failure.Invalid("conn", "is not a connection URL")
	}
	return parsed.Query(), nil
}

func withVerifyFull(text string) (string, error) {
	if !isURL(text) {
		return text + " sslmode=" + VerifyFull, nil
	}
	parsed, err := url.Parse(text)
	if err != nil {
		return "", failure.Invalid("conn", "is not a connection URL")
	}
	query := parsed.Query()
	query.Del("ssl") // pgx reads ssl=true as sslmode=require
	query.Set("sslmode", VerifyFull)
	parsed.RawQuery = query.Encode()
	return parsed.String(), nil
}

// target is one place a connection may be tried at, and how.
type target struct {
	host string
	tls  *tls.Config // nil: in the clear
}

// targets returns every place that pgx would try text at, with the environment and
// the service file it names. A hostaddr counts, though pgx does not dial it.
func targets(text string) ([]target, error) {
	parsed, err := pgconn.ParseConfig(text)
	if err != nil {
		return nil, failure.Invalid("conn", "is not a usable connection string")
	}
	found := []target{{parsed.Host, parsed.TLSConfig}}
	for _, one := range parsed.Fallbacks {
		found = append(found, target{one.Host, one.TLSConfig})
	}
	for address := range strings.SplitSeq(parsed.RuntimeParams["hostaddr"], ",") {
		if address != "" {
			found = append(found, target{address, parsed.TLSConfig})
		}
	}
	return found, nil
}

func anyRemote(targets []target) bool {
	for _, one := range targets {
		if Remote(one.host) {
			return true
		}
	}
	return false
}

// provesName says that a server under this configuration must show a certificate
// with its name in it.
func provesName(how *tls.Config) bool {
	return how != nil && !how.InsecureSkipVerify && how.ServerName != ""
}
