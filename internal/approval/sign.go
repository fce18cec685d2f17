package approval

import (
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Sign encodes m and signs it. signer may be a key file's or an agent's.
func Sign(m Message, signer ssh.Signer) (Signed, error) {
	payload, err := Encode(m)
	if err != nil {
		return Signed{}, err
	}
	signature, err := sshsig.Sign(strings.NewReader(payload), signer, sshsig.HashSHA512, Namespace)
	if err != nil {
		return Signed{}, failure.Wrap(failure.Unavailable, err, "sign message")
	}
	return Signed{Payload: payload, Signature: string(sshsig.Armor(signature))}, nil
}

// KeyFingerprint names the key that made the signature, as ssh-keygen -l does;
// empty where the signature cannot be read. It proves nothing: Verify does.
func (s Signed) KeyFingerprint() string {
	signature, err := sshsig.Unarmor([]byte(s.Signature))
	if err != nil {
		return ""
	}
	return ssh.FingerprintSHA256(signature.PublicKey)
}

// CheckShape checks the size of s and nothing else. It is what an update
// validator may do: everything more is the run's to decide, and to record.
func (s Signed) CheckShape() error {
	switch {
	case s.Payload == "":
		return failure.Invalid("payload", "is required")
	case s.Signature == "":
		return failure.Invalid("signature", "is required")
	case len(s.Payload) > MaxPayloadBytes:
		return failure.Invalid("payload", "%d bytes long, at most %d are allowed", len(s.Payload), MaxPayloadBytes)
	case len(s.Signature) > MaxSignatureBytes:
		return failure.Invalid("signature", "%d bytes long, at most %d are allowed", len(s.Signature), MaxSignatureBytes)
	}
	return nil
}

// Verify returns the message in s when one of keys (authorized_keys lines of
// the person the message names) signed it and it is valid at now. keys is asked
// for the person's keys. The message is returned with an error too when its
// payload could be read, so that a refusal can say whose it claims to be.
//
// Classes: InvalidInput (malformed), Forbidden (unknown person, wrong key or
// altered bytes), Refused (expired, or issued in the future).
func Verify(s Signed, keys func(person string) []string, now time.Time) (Message, error) {
	if err := s.CheckShape(); err != nil {
		return Message{}, err
	}
	m, err := Decode(s.Payload)
	if err != nil {
		return Message{}, err
	}
	if err := s.verifySignature(m, keys(m.Person)); err != nil {
		return m, err
	}
	switch {
	case m.IssuedAt.After(now.Add(MaxSkew)):
		return m, failure.New(failure.Refused, "message was issued at %s, in the future", m.IssuedAt.Format(time.RFC3339)).
			WithHint("set this host's clock right and sign again")
	case !now.Before(m.ExpiresAt):
		return m, failure.New(failure.Refused, "message expired at %s", m.ExpiresAt.Format(time.RFC3339)).
			WithHint("starter status shows the open question; sign again")
	}
	return m, nil
}

func (s Signed) verifySignature(m Message, keys []string) error {
	if len(keys) == 0 {
		return failure.New(failure.Forbidden, "the plan lists no key for person %q", m.Person).
			WithHint("starter plan check lists the people and their keys")
	}
	signature, err := sshsig.Unarmor([]byte(s.Signature))
	if err != nil {
		return failure.Wrap(failure.InvalidInput, err, "read signature")
	}
	for _, line := range keys {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return failure.Wrap(failure.InvalidInput, err, "read a key the plan lists for %q", m.Person)
		}
		if sshsig.Verify(strings.NewReader(s.Payload), signature, key, signature.HashAlgorithm, Namespace) == nil {
			return nil
		}
	}
	return failure.New(failure.Forbidden, "the signature was not made over this text by a key the plan lists for %q", m.Person).
		WithHint("check the key: ssh-keygen -Y verify -n %s", Namespace)
}
