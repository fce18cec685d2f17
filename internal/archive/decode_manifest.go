package archive

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive/seal"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

// readManifest decrypts a manifest twice over its ciphertext in memory: once to
// check the signature over the compressed text, once to read it.
func (o *decoder) readManifest(ctx context.Context, object Object, content *buffer, set Set, trusted keyring.Trust) (*Manifest, error) {
	if err := o.checkSignature(ctx, object, content, storedAt(set), trusted); err != nil {
		return nil, err
	}
	plain, release, err := o.open(ctx, object, content)
	if err != nil {
		return nil, err
	}
	defer release()
	return parseManifest(plain, len(o.d.Parts))
}

func (o *decoder) checkSignature(ctx context.Context, object Object, content *buffer, at time.Time, trusted keyring.Trust) error {
	header := o.d.key(object.KeyID)
	session, err := o.keys.SessionKey(ctx, string(header.Set), header.PKESK)
	if err != nil {
		return err
	}
	sealed, err := seal.NewReader(content.reader(), session)
	if err != nil {
		return err
	}
	var compressed bytes.Buffer
	if _, err := io.Copy(&compressed, io.LimitReader(sealed, maxObjectBytes)); err != nil {
		return err
	}
	if len(sealed.Signature()) == 0 {
		return failure.New(failure.Corrupt, "manifest carries no signature")
	}
	_, err = trusted.VerifyDetached(compressed.Bytes(), sealed.Signature(), at)
	return err
}

// storedAt is when a store first took the set's descriptor: the time by which
// signing keys are judged.
func storedAt(set Set) (first time.Time) {
	for _, copied := range set.Copies {
		if first.IsZero() || copied.Stored.Before(first) {
			first = copied.Stored
		}
	}
	return first
}
