package pg

// Secret is a resolved password. It prints and marshals redacted; only Reveal
// gives it out.
type Secret struct{ value string }

// NewSecret wraps a resolved secret.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal returns the secret itself, for the one call that needs it.
func (s Secret) Reveal() string { return s.value }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return "[redacted]"
}

// GoString implements fmt.GoStringer, so that %#v does not leak either.
func (s Secret) GoString() string { return s.String() }

// MarshalText implements encoding.TextMarshaler. A secret does not survive it:
// payloads carry references, and each host resolves its own.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
