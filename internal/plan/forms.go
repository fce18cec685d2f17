package plan

import (
	"bytes"
	"encoding/base64"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"golang.org/x/crypto/ssh"
)

// The checks here are of forms: each says what would be right.

func (j *judgement) positive(at string, d Duration) {
	if d <= 0 {
		j.errorf(at, "write a duration above zero", "%s must be above zero", lastKey(at))
	}
}

func (j *judgement) positiveBytes(at string, b Bytes) {
	if b <= 0 {
		j.errorf(at, "write a size above zero", "%s must be above zero", lastKey(at))
	}
}

func (j *judgement) positiveCount(at string, n int) {
	if n < 1 {
		j.errorf(at, "write 1 or more", "%s must be 1 or more", lastKey(at))
	}
}

// text demands words where a reader will look for them.
func (j *judgement) text(at, value string) {
	if strings.TrimSpace(value) == "" {
		j.errorf(at, "write it", "%s is empty", lastKey(at))
	}
}

func (j *judgement) notEmpty(at string, length int) {
	if length == 0 {
		j.errorf(at, "list at least one", "%s is an empty list", lastKey(at))
	}
}

// absolute demands a clean absolute path below the root.
func (j *judgement) absolute(at, value string) {
	if !path.IsAbs(value) || path.Clean(value) != value || value == "/" {
		j.errorf(at, "write it from the root, without .. and without a slash at the end", "%q is not an absolute path", clip(value))
	}
}

func (j *judgement) absoluteIfSet(at, value string) {
	if value != "" {
		j.absolute(at, value)
	}
}

func (j *judgement) port(at string, port int) {
	if port < 1 || port > 65535 {
		j.errorf(at, "write a port from 1 to 65535", "%d is not a port", port)
	}
}

func (j *judgement) emailIfSet(at, value string) {
	if value == "" {
		return
	}
	if parsed, err := mail.ParseAddress(value); err != nil || parsed.Address != value {
		j.errorf(at, "write name@example.com", "%q is not an email address", clip(value))
	}
}

var phoneForm = regexp.MustCompile(`^\+?[0-9A-Z][0-9A-Z ().-]{2,30}$`)

func (j *judgement) phoneIfSet(at, value string) {
	if value != "" && !phoneForm.MatchString(value) {
		j.errorf(at, "write it with its country code: +1-555-0100", "%q is not a phone number", clip(value))
	}
}

var hostForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9-]{1,63})*\.?$`)

func isHost(value string) bool {
	if _, err := netip.ParseAddr(value); err == nil {
		return true
	}
	return len(value) <= 253 && hostForm.MatchString(value)
}

func (j *judgement) host(at, value string) {
	if !isHost(value) {
		j.errorf(at, "write a DNS name or an IP address, without port", "%q is not an address", clip(value))
	}
}

func (j *judgement) hostPort(at, value string) {
	host, port, err := net.SplitHostPort(value)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 1 || n > 65535 || !isHost(host) {
		j.errorf(at, "write host:port, such as mail.example.com:587", "%q is not host:port", clip(value))
	}
}

func (j *judgement) endpointURL(at, value string) {
	parsed, err := url.Parse(value)
	switch {
	case err != nil || parsed.Hostname() == "" || (parsed.Scheme != "https" && parsed.Scheme != "http"):
		j.errorf(at, "write https://host[:port]", "%s is not a URL of a server", lastKey(at))
	case parsed.User != nil:
		j.errorf(at, "write the credentials as references in their own keys", "a URL with credentials does not belong in a plan").Excerpt = ""
	case parsed.Scheme == "http" && !isLoopback(parsed.Hostname()):
		j.warnf(at, "write https://", "everything sent to %s can be read and changed on the way", clip(parsed.Host))
	}
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func (j *judgement) sshKey(at, value string) {
	if len(value) > 16<<10 || strings.Contains(value, "\n") {
		j.errorf(at, "write the one line of the .pub file", "this is more than one public key")
		return
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(value))
	switch {
	case err != nil:
		j.errorf(at, "write the one line of the .pub file: ssh-ed25519 AAAA… name", "this is not an SSH public key")
	case len(options) > 0:
		j.errorf(at, "begin the line with the key's type", "options have no meaning here")
	case key.Type() == ssh.KeyAlgoDSA || key.Type() == "ssh-dss": //nolint:staticcheck // named to be refused
		j.errorf(at, "make a new one: ssh-keygen -t ed25519", "DSA keys are broken")
	}
}

// openPGPKey checks a host's signing key: exactly one OpenPGP public key.
func (j *judgement) openPGPKey(at, value string) {
	const fix = "write one line: gpg --export FINGERPRINT | base64 -w0"
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(raw) == 0 || len(raw) > 16<<10 {
		j.errorf(at, fix, "this is not base64 of an OpenPGP public key")
		return
	}
	keys, err := openpgp.ReadKeyRing(bytes.NewReader(raw))
	switch {
	case err != nil || len(keys) != 1:
		j.errorf(at, fix, "this is not exactly one OpenPGP public key")
	case keys[0].PrivateKey != nil:
		j.errorf(at, "export the public half only, and replace this key: it is no longer secret", "this is a private key").Excerpt = ""
	}
}

// keyBlob is the part of a public key that makes it the same key whatever its
// comment says, or "" where it is none.
func keyBlob(value string) string {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(value))
	if err != nil {
		return ""
	}
	return string(key.Marshal())
}
