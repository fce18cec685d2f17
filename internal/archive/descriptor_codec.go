package archive

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

// encodeDescriptor writes the clear-signed document: JSON, one value per line,
// since GnuPG refuses long lines.
func encodeDescriptor(d *Descriptor, signer keyring.Signer) ([]byte, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetIndent("", " ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(d); err != nil {
		return nil, failure.Wrap(failure.Internal, err, "encode descriptor of %s", d.Set)
	}
	return signer.Clearsigned(body.Bytes())
}

// ParseDescriptor checks and reads a descriptor found at set of source in a
// store whose clock said storeTime. Errors: failure.Corrupt for changed bytes,
// failure.IdentityMismatch for a signer not trusted then or a copy of another
// set's descriptor.
func ParseDescriptor(document []byte, source string, set SetID, trusted keyring.Trust, storeTime time.Time) (*Descriptor, error) {
	if len(document) > maxDescriptorBytes {
		return nil, failure.New(failure.Corrupt, "descriptor of set %s has %d bytes, at most %d", set, len(document), maxDescriptorBytes)
	}
	body, _, err := trusted.OpenClearsigned(document, storeTime)
	if err != nil {
		return nil, failure.Wrap(failure.ClassOf(err), err, "check descriptor of set %s", set)
	}
	var d Descriptor
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&d); err != nil {
		return nil, failure.Wrap(failure.Corrupt, err, "read descriptor of set %s", set)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, failure.New(failure.Corrupt, "descriptor of set %s has something after its end", set)
	}
	if err := d.validate(source, set); err != nil {
		return nil, err
	}
	return &d, nil
}
