package archive

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// FormatVersion is the format this package writes and the newest it reads.
const FormatVersion = 1

// Descriptor is a set's public record: clear text, signed. It makes the set
// visible and lets anyone with the host's public key choose and verify sets
// without a private key.
type Descriptor struct {
	Format     int          `json:"format"`
	Set        SetID        `json:"set"`
	Source     string       `json:"source"`
	Kind       Kind         `json:"kind"`
	FullReason string       `json:"full_reason,omitempty"` // why an incremental became a full
	Counter    uint64       `json:"counter"`               // one more than the source's previous set
	Previous   store.Digest `json:"previous,omitzero"`     // SHA-256 of the previous descriptor's bytes
	Begun      time.Time    `json:"begun"`                 // the host's clock
	Created    time.Time    `json:"created"`               // the host's clock
	// StoreTimes is what each store's clock said when it took the manifest.
	StoreTimes map[string]time.Time `json:"store_times"`
	Damaged    bool                 `json:"damaged"`                // the source itself held bad data
	Damage     []Damage             `json:"damage,omitempty"`       // at most maxDamage entries
	DamageSeen int64                `json:"damage_seen,omitempty"`  // how many there were
	Changed    int64                `json:"files_changed,omitzero"` // files that vanished, grew or shrank while read
	Attributes Attributes           `json:"attributes"`
	Totals     Totals               `json:"totals"`
	Manifest   Object               `json:"manifest"`
	References []SetID              `json:"references,omitempty"` // earlier sets whose parts are needed
	Keys       []KeyHeader          `json:"keys"`
	Parts      []Object             `json:"parts"` // own and earlier sets'; slices refer to them by position
}

// Totals count what a set holds and what it cost.
type Totals struct {
	Files        int64 `json:"files"`
	SourceBytes  int64 `json:"source_bytes"`   // content of all files
	Slices       int64 `json:"slices"`         // all, reused ones included
	ReusedBytes  int64 `json:"reused_bytes"`   // content found in earlier parts or twice in this set
	NewPartBytes int64 `json:"new_part_bytes"` // ciphertext of the parts this set added
	NewParts     int64 `json:"new_parts"`
	// OldPartBytes is the ciphertext of earlier sets' parts this set needs.
	OldPartBytes int64 `json:"old_part_bytes"`
}

// Object is one stored object a descriptor vouches for.
type Object struct {
	Key        string            `json:"object"`
	Set        SetID             `json:"set"` // the set that wrote it
	SizeBytes  int64             `json:"size_bytes"`
	PlainBytes int64             `json:"plain_bytes"` // of the tar stream, or the manifest's text
	SHA256     store.Digest      `json:"sha256"`      // of the ciphertext
	KeyID      string            `json:"key"`         // names an entry of Keys
	Stores     map[string]string `json:"stores"`      // store name → version or generation there
}

// KeyHeader is one key header (encrypted session keys) that objects begin with.
type KeyHeader struct {
	ID    string `json:"id"` // keyring.HeaderID
	Set   SetID  `json:"set"`
	PKESK []byte `json:"pkesk"`
}

// Damage is one thing wrong with the source's own content, found while reading.
type Damage struct {
	Path        string `json:"path"` // encoded as in the manifest
	OffsetBytes int64  `json:"offset_bytes"`
	Detail      string `json:"detail"`
}

const (
	maxDescriptorBytes = 128 << 20
	maxParts           = 4_000_000
	maxObjectBytes     = 1 << 30
	maxDamage          = 1000
	maxKeys            = 4096
)

// validate checks everything a reader relies on. set and source are where the
// descriptor was found: a copy under another name is failure.IdentityMismatch.
func (d *Descriptor) validate(source string, set SetID) error {
	if d.Source != source || d.Set != set {
		return failure.New(failure.IdentityMismatch, "descriptor of set %.60s of %.80s lies at set %s of %s: replayed or misplaced",
			d.Set, d.Source, set, source)
	}
	if d.Format != FormatVersion {
		return failure.New(failure.Corrupt, "descriptor has format %d, this program reads %d", d.Format, FormatVersion)
	}
	if d.Kind != Full && d.Kind != Incremental {
		return failure.New(failure.Corrupt, "descriptor has kind %.20q", d.Kind)
	}
	if d.Counter == 0 || len(d.Parts) > maxParts || len(d.Keys) == 0 || len(d.Keys) > maxKeys {
		return failure.New(failure.Corrupt, "descriptor has counter %d, %d parts, %d keys", d.Counter, len(d.Parts), len(d.Keys))
	}
	return d.validateObjects()
}

func (d *Descriptor) validateObjects() error {
	keys := map[string]bool{}
	for _, key := range d.Keys {
		keys[key.ID] = true
	}
	seen := make(map[string]bool, len(d.Parts))
	for i := range d.Parts {
		if err := d.Parts[i].validate(d.Source, keys); err != nil {
			return err
		}
		if seen[d.Parts[i].Key] {
			return failure.New(failure.Corrupt, "descriptor lists part %s twice", d.Parts[i].Key)
		}
		seen[d.Parts[i].Key] = true
	}
	if d.Manifest.Set != d.Set {
		return failure.New(failure.Corrupt, "descriptor names the manifest of another set")
	}
	return d.Manifest.validate(d.Source, keys)
}

func (o *Object) validate(source string, keys map[string]bool) error {
	owner, _, ok := setOfKey(source, o.Key)
	if !ok || owner != o.Set || store.CheckKey(o.Key) != nil {
		return failure.New(failure.Corrupt, "descriptor names object %.200q, which is not in set %.60s", o.Key, o.Set)
	}
	if o.SizeBytes <= 0 || o.SizeBytes > maxObjectBytes || o.PlainBytes < 0 || o.PlainBytes > maxObjectBytes ||
		o.SHA256.IsZero() || !keys[o.KeyID] || len(o.Stores) == 0 {
		return failure.New(failure.Corrupt, "descriptor describes object %s in an impossible way", o.Key)
	}
	return nil
}

// SealedUnder returns an object of the set that begins with the key header id;
// the manifest rather than a part.
func (d *Descriptor) SealedUnder(id string) (Object, bool) {
	if d.Manifest.KeyID == id {
		return d.Manifest, true
	}
	for _, part := range d.Parts {
		if part.KeyID == id {
			return part, true
		}
	}
	return Object{}, false
}

// key returns the key header an object begins with.
func (d *Descriptor) key(id string) KeyHeader {
	for _, key := range d.Keys {
		if key.ID == id {
			return key
		}
	}
	return KeyHeader{}
}
