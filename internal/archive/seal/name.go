package seal

import (
	"bytes"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

const (
	// beginningSlackBytes is more than packet heads, signature heads and the name
	// take together.
	beginningSlackBytes = 2 << 10
	// gcmChunkBytes is the first chunk, with its tag, of the longest kind that the
	// writer makes: nothing of a chunk is known before all of it was read.
	gcmChunkBytes = 256<<10 + 64
)

// BeginningBytes is how much of an object CheckName needs; less when the object
// is shorter.
func BeginningBytes(mode keyring.Mode) int64 {
	if mode == keyring.GCM {
		return keyring.MaxHeaderBytes + beginningSlackBytes + gcmChunkBytes
	}
	return keyring.MaxHeaderBytes + beginningSlackBytes
}

// CheckName proves from an object's first BeginningBytes that it was made under
// key to be stored as name. Whatever else they hold, a wrong key, another name or
// changed bytes, is failure.IdentityMismatch in the same words.
//
// It is a proof although the beginning alone carries no integrity code in the CFB
// mode: who changes one block of ciphertext turns the block after it into what
// only the session key can tell, and a name spans several blocks. Telling anything
// of what came out would end that: an answer with the garbled block in it, even in
// part, lets the next forgery mend it.
func CheckName(beginning []byte, name string, key keyring.SessionKey) error {
	if len(name) < minNameBytes {
		return failure.New(failure.IdentityMismatch, "the name %q is too short to prove anything", name)
	}
	r, err := NewReader(bytes.NewReader(beginning), key)
	if err != nil || r.Name() != name {
		return misplaced(name)
	}
	return nil
}

// minNameBytes makes a name reach over three blocks at least, wherever it begins.
const minNameBytes = 3 * blockBytes

// misplaced says nothing of what was decrypted; see CheckName.
func misplaced(place string) error {
	return failure.New(failure.IdentityMismatch, "nothing shows that the object at %.300q was made to be there", place).
		WithHint("somebody may have copied it there, or changed it: compare the store's access log; the other stores' copies are not touched by it")
}
