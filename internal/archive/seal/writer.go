package seal

import (
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

// maxNameBytes is what a literal packet's one length octet allows.
const maxNameBytes = 255

// literalHead begins a literal packet: binary, the object's name, no date.
func literalHead(name string) ([]byte, error) {
	if name == "" || len(name) > maxNameBytes {
		return nil, failure.New(failure.Internal, "the name inside a message has %d bytes, want 1 to %d", len(name), maxNameBytes)
	}
	head := append([]byte{'b', byte(len(name))}, name...)
	return append(head, 0, 0, 0, 0), nil
}

// Writer encrypts one message. It is not safe for concurrent use.
type Writer struct {
	outer   io.WriteCloser // encrypts; closing ends the message
	literal *frameWriter
	sign    *keyring.OnePass
}

// NewWriter writes header, then begins a message under key to w. name is the key
// the object will have in the stores: inside the encryption it says whose object
// this is, whatever key it is copied to. The caller writes the content and
// closes; w stays open. A w that is a Tally costs less than one behind another writer.
func NewWriter(w io.Writer, name string, header []byte, key keyring.SessionKey) (*Writer, error) {
	return newWriter(w, name, header, key, nil)
}

// NewSignedWriter is NewWriter with a signature inside the message, so that
// gpg -d verifies who wrote it.
func NewSignedWriter(w io.Writer, name string, header []byte, key keyring.SessionKey, signer keyring.Signer) (*Writer, error) {
	sign, err := signer.OnePass()
	if err != nil {
		return nil, err
	}
	return newWriter(w, name, header, key, sign)
}

func newWriter(w io.Writer, name string, header []byte, key keyring.SessionKey, sign *keyring.OnePass) (*Writer, error) {
	begin, err := literalHead(name)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(header); err != nil {
		return nil, err
	}
	outer, err := newOuter(w, key)
	if err != nil {
		return nil, err
	}
	if sign != nil {
		head, err := sign.Header()
		if err != nil {
			return nil, err
		}
		if _, err := outer.Write(head); err != nil {
			return nil, err
		}
	}
	literal := newFrameWriter(outer, literalTag)
	if _, err := literal.Write(begin); err != nil {
		return nil, err
	}
	return &Writer{outer: outer, literal: literal, sign: sign}, nil
}

func newOuter(w io.Writer, key keyring.SessionKey) (io.WriteCloser, error) {
	if key.Mode() == keyring.CFB {
		tally, _ := w.(*Tally)
		return newCFBWriter(newFrameWriter(w, seipdTag), tally, key.Bytes())
	}
	suite := packet.CipherSuite{Cipher: packet.CipherAES256, Mode: packet.AEADModeGCM}
	config := &packet.Config{AEADConfig: &packet.AEADConfig{DefaultMode: packet.AEADModeGCM}}
	out, err := packet.SerializeSymmetricallyEncrypted(w, packet.CipherAES256, true, suite, key.Bytes(), config)
	return out, failure.Wrap(failure.Internal, err, "begin encrypted message")
}

// Write adds content.
func (w *Writer) Write(p []byte) (int, error) {
	if w.sign != nil {
		if _, err := w.sign.Write(p); err != nil {
			return 0, err
		}
	}
	return w.literal.Write(p)
}

// Close ends the message.
func (w *Writer) Close() error {
	if err := w.literal.Close(); err != nil {
		return err
	}
	if w.sign != nil {
		signature, err := w.sign.Signature()
		if err != nil {
			return err
		}
		if _, err := w.outer.Write(signature); err != nil {
			return err
		}
	}
	return w.outer.Close()
}
