package seal

import (
	"bytes"
	"errors"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

const (
	maxHeaderPackets = 16
	maxTrailerBytes  = 64 << 10 // signature packets after the content
)

// Header returns the key header that ciphertext begins with. ciphertext may be
// cut after keyring.MaxHeaderBytes.
func Header(ciphertext []byte) ([]byte, error) {
	r := bytes.NewReader(ciphertext[:min(len(ciphertext), keyring.MaxHeaderBytes+1024)])
	header := 0
	for range maxHeaderPackets {
		next, err := packet.Read(r)
		if _, ok := next.(*packet.EncryptedKey); !ok || (err != nil && !errors.Is(err, io.EOF)) {
			break
		}
		header = len(ciphertext[:r.Size()]) - r.Len()
	}
	if header == 0 || header > keyring.MaxHeaderBytes {
		return nil, failure.New(failure.Corrupt, "is no OpenPGP message to recipients")
	}
	return ciphertext[:header], nil
}

// Reader decrypts one message. Read answers io.EOF only when the whole message
// was intact; what it handed out before that is not proved by it.
type Reader struct {
	inner   io.ReadCloser // decrypted packets; Close checks the last authentication tag
	content io.Reader     // the literal packet's body
	name    string
	ended   error
	trailer []byte
}

// NewReader opens a whole object: key header, then message.
func NewReader(object io.Reader, key keyring.SessionKey) (*Reader, error) {
	return newReader(object, key, false)
}

// NewCheckedReader is NewReader for an object whose SHA-256 was compared with a
// signed record: the default mode's modification detection code, an SHA-1 over
// everything, is then only looked at for its place.
func NewCheckedReader(object io.Reader, key keyring.SessionKey) (*Reader, error) {
	return newReader(object, key, true)
}

func newReader(object io.Reader, key keyring.SessionKey, checked bool) (*Reader, error) {
	body, err := findEncrypted(object)
	if err != nil {
		return nil, err
	}
	inner, err := openOuter(body, key, checked)
	if err != nil {
		return nil, err
	}
	literal, err := findLiteral(inner)
	if err != nil {
		return nil, err
	}
	return &Reader{inner: inner, content: literal.Body, name: literal.FileName}, nil
}

func findEncrypted(object io.Reader) (*packet.SymmetricallyEncrypted, error) {
	for range maxHeaderPackets {
		next, err := packet.Read(object)
		if err != nil {
			return nil, corrupt(err, "read message")
		}
		switch found := next.(type) {
		case *packet.EncryptedKey:
		case *packet.SymmetricallyEncrypted:
			return found, nil
		default:
			return nil, failure.New(failure.Corrupt, "message holds an unexpected packet")
		}
	}
	return nil, failure.New(failure.Corrupt, "message has more than %d recipients", maxHeaderPackets)
}

func openOuter(body *packet.SymmetricallyEncrypted, key keyring.SessionKey, checked bool) (io.ReadCloser, error) {
	switch {
	case body.IntegrityProtected && body.Version == 1 && key.Mode() == keyring.CFB:
		inner, err := newCFBReader(body.Contents, key.Bytes(), checked)
		return io.NopCloser(inner), err
	case body.IntegrityProtected && body.Version == 2 && key.Mode() == keyring.GCM &&
		body.Cipher == packet.CipherAES256:
		inner, err := body.Decrypt(packet.CipherAES256, key.Bytes())
		return inner, corrupt(err, "open message")
	default:
		return nil, failure.New(failure.Corrupt, "message is not encrypted in the way its session key says")
	}
}

// findLiteral passes over one-pass signature headers.
func findLiteral(inner io.Reader) (*packet.LiteralData, error) {
	for range 2 {
		next, err := packet.Read(inner)
		if err != nil {
			return nil, corrupt(err, "read decrypted content: wrong key or changed bytes")
		}
		switch found := next.(type) {
		case *packet.OnePassSignature:
		case *packet.LiteralData:
			return found, nil
		default:
			return nil, failure.New(failure.Corrupt, "message holds no literal data")
		}
	}
	return nil, failure.New(failure.Corrupt, "message holds no literal data")
}

// Name returns the key the object was made for.
func (r *Reader) Name() string { return r.name }

// Read returns content.
func (r *Reader) Read(p []byte) (int, error) {
	if r.ended != nil {
		return 0, r.ended
	}
	n, err := r.content.Read(p)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		r.ended = r.finish()
	default:
		r.ended = corrupt(err, "decrypt")
	}
	return n, r.ended
}

// finish reads what follows the content, which makes the integrity check run.
func (r *Reader) finish() error {
	trailer, err := io.ReadAll(io.LimitReader(r.inner, maxTrailerBytes+1))
	if err != nil {
		return corrupt(err, "decrypt")
	}
	if err := r.inner.Close(); err != nil {
		return corrupt(err, "check the end of the message")
	}
	if len(trailer) > maxTrailerBytes {
		return failure.New(failure.Corrupt, "too much follows the content")
	}
	r.trailer = trailer
	return io.EOF
}

// Signature returns the signature packet after the content, once Read answered
// io.EOF; empty when there is none.
func (r *Reader) Signature() []byte { return r.trailer }

func corrupt(err error, doing string) error {
	if err == nil || failure.Is(err, failure.Corrupt) {
		return err
	}
	return failure.Wrap(failure.Corrupt, err, "%s", doing)
}
