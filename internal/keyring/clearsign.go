package keyring

import (
	"bytes"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// The one accepted form of a clear-signed document: these lines, the body as it
// is, and an armored signature with checksum, which GnuPG 2.2 wants.
const (
	clearsignHead = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
	clearsignTail = "-----BEGIN PGP SIGNATURE-----\n"
	signatureType = "PGP SIGNATURE"
)

// Clearsigned returns body wrapped so that gpg --verify and gpg -d work on it.
// body must be text whose lines end in \n, carry no trailing blanks and do not
// begin with a hyphen: then it stands in the document unchanged.
func (s Signer) Clearsigned(body []byte) ([]byte, error) {
	if err := checkClearBody(body); err != nil {
		return nil, err
	}
	one, err := s.begin(packet.SigTypeText)
	if err != nil {
		return nil, err
	}
	if _, err := one.Write(canonicalText(body)); err != nil {
		return nil, failure.Wrap(failure.Internal, err, "hash document")
	}
	signature, err := one.Signature()
	if err != nil {
		return nil, err
	}
	return encodeClearsigned(body, signature)
}

// OpenClearsigned checks a clear-signed document and returns its body and the
// signer's fingerprint. The document must be exactly what Clearsigned writes:
// bytes before, after or within that a lenient reader would ignore are
// failure.Corrupt, so that no byte of it can change unseen. Errors are those of
// VerifyDetached.
func (t Trust) OpenClearsigned(document []byte, at time.Time) (body []byte, fingerprint string, err error) {
	rest, ok := bytes.CutPrefix(document, []byte(clearsignHead))
	end := bytes.LastIndex(rest, []byte(clearsignTail))
	if !ok || end < 0 {
		return nil, "", failure.New(failure.Corrupt, "is not one clear-signed document")
	}
	body = rest[:end]
	if err := checkClearBody(body); err != nil {
		return nil, "", failure.Wrap(failure.Corrupt, err, "read clear-signed document")
	}
	signature, err := dearmor(rest[end:])
	if err != nil {
		return nil, "", err
	}
	canonical, err := encodeClearsigned(body, signature)
	if err != nil {
		return nil, "", err
	}
	if !bytes.Equal(canonical, document) {
		return nil, "", failure.New(failure.Corrupt, "clear-signed document is not in canonical form: bytes outside the signature changed")
	}
	fingerprint, err = t.verify(canonicalText(body), signature, packet.SigTypeText, at)
	return body, fingerprint, err
}

func checkClearBody(body []byte) error {
	if len(body) == 0 || body[len(body)-1] != '\n' {
		return failure.Invalid("body", "is empty or its last line does not end")
	}
	for line := range bytes.Lines(body) {
		line = line[:len(line)-1]
		if len(line) > 0 && (line[0] == '-' || strings.IndexByte(" \t\r", line[len(line)-1]) >= 0) {
			return failure.Invalid("body", "line %.40q begins with a hyphen or ends in a blank", line)
		}
	}
	return nil
}

// canonicalText is what a text signature covers (RFC 4880, 7.1): CRLF between
// lines, the last line end left out.
func canonicalText(body []byte) []byte {
	return bytes.ReplaceAll(body[:len(body)-1], []byte("\n"), []byte("\r\n"))
}

func dearmor(text []byte) ([]byte, error) {
	block, err := armor.Decode(bytes.NewReader(text))
	if err != nil || block.Type != signatureType {
		return nil, failure.New(failure.Corrupt, "signature is not armored text")
	}
	signature, err := io.ReadAll(block.Body)
	return signature, failure.Wrap(failure.Corrupt, err, "read armored signature")
}

func encodeClearsigned(body, signature []byte) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(clearsignHead)
	out.Write(body)
	w, err := armor.EncodeWithChecksumOption(&out, signatureType, nil, true)
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "armor signature")
	}
	if _, err := w.Write(signature); err != nil {
		return nil, failure.Wrap(failure.Internal, err, "armor signature")
	}
	if err := w.Close(); err != nil {
		return nil, failure.Wrap(failure.Internal, err, "armor signature")
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
