package plan

import (
	"crypto/sha256"
	"encoding/hex"
)

// Hash is the version of a plan: the SHA-256 of its file's bytes, in lower-case
// hexadecimal, as sha256sum prints it.
type Hash string

// HashOf returns the hash of a plan's file.
func HashOf(raw []byte) Hash {
	sum := sha256.Sum256(raw)
	return Hash(hex.EncodeToString(sum[:]))
}

// source is where a plan was read from.
type source struct {
	name      string
	hash      Hash
	lines     []string
	positions map[string]Position
}

// Hash returns the hash of the bytes p was read from, "" for a plan built or
// changed in code: write YAML and Parse that.
func (p *Plan) Hash() Hash { return p.source.hash }

// Name returns the name p was read under.
func (p *Plan) Name() string { return p.source.name }
