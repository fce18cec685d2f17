package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
)

// The index is the host's memory of what its newest set holds: hashes and where
// their content is, no content and no key. It is a cache: lost, damaged, forged
// or outdated, the next set is a full one. It is replaced after every commit.

// index is the decoded file.
type index struct {
	indexHead
	Slices []indexSlice
}

// chain counts increments, so that periodic fulls bound what a restore needs.
type chain struct {
	Full       SetID     `json:"full"`
	FullBegun  time.Time `json:"full_begun"`
	Increments int       `json:"increments"`
}

type indexHead struct {
	Format     int          `json:"format"`
	Source     string       `json:"source"`
	Set        SetID        `json:"set"`
	Descriptor store.Digest `json:"descriptor"` // of the set's descriptor
	Chain      chain        `json:"chain"`
	Keys       []KeyHeader  `json:"keys"`
	Parts      []Object     `json:"parts"`
	Count      int          `json:"slices"`
}

type indexSlice struct {
	SHA256    store.Digest
	SizeBytes int64
	Part      int
	Member    string
}

const maxIndexBytes = 4 << 30

// encodeIndex writes a signed line with the head and the digest of the rest,
// then one line for each slice.
func encodeIndex(x *index, signer keyring.Signer) ([]byte, error) {
	var rest bytes.Buffer
	for _, s := range x.Slices {
		fmt.Fprintf(&rest, "%s %d %d %s\n", s.SHA256, s.SizeBytes, s.Part, s.Member)
	}
	x.Count = len(x.Slices)
	head, err := json.Marshal(x.indexHead)
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "encode index")
	}
	line, err := signLine([]byte(store.DigestOf(rest.Bytes()).String()+" "+string(head)), signer)
	if err != nil {
		return nil, err
	}
	return append(line, rest.Bytes()...), nil
}

// parseIndex reads and checks what encodeIndex wrote.
func parseIndex(content []byte, source string, own keyring.Trust) (*index, error) {
	line, rest, ok := bytes.Cut(content, []byte{'\n'})
	if !ok {
		return nil, failure.New(failure.Corrupt, "index has no head")
	}
	payload, err := openLine(line, own)
	if err != nil {
		return nil, err
	}
	digest, head, _ := strings.Cut(string(payload), " ")
	if digest != store.DigestOf(rest).String() {
		return nil, failure.New(failure.Corrupt, "index does not match its signature")
	}
	var x index
	if err := json.Unmarshal([]byte(head), &x.indexHead); err != nil {
		return nil, failure.Wrap(failure.Corrupt, err, "read index head")
	}
	if x.Source != source || x.Format != FormatVersion {
		return nil, failure.New(failure.Corrupt, "index is of source %.80q, format %d", x.Source, x.Format)
	}
	for row := range strings.Lines(string(rest)) {
		var s indexSlice
		var digest string
		if _, err := fmt.Sscanf(row, "%s %d %d %s\n", &digest, &s.SizeBytes, &s.Part, &s.Member); err != nil {
			return nil, failure.Wrap(failure.Corrupt, err, "read index")
		}
		if s.SHA256, err = store.ParseDigest(digest); err != nil || s.Part < 0 || s.Part >= len(x.Parts) {
			return nil, failure.New(failure.Corrupt, "index names part %d of %d", s.Part, len(x.Parts))
		}
		x.Slices = append(x.Slices, s)
	}
	return &x, nil
}

func indexName(dir string) string { return filepath.Join(dir, "index") }

func readIndex(cfg Config) (*index, error) {
	dir, err := stateDir(cfg)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(indexName(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, failure.New(failure.NotFound, "there is no index on this host")
	}
	if err != nil || info.Size() > maxIndexBytes {
		return nil, failure.New(failure.Corrupt, "index cannot be read or is larger than %d bytes", int64(maxIndexBytes))
	}
	content, err := os.ReadFile(indexName(dir))
	if err != nil {
		return nil, failure.Wrap(classOfFile(err), err, "read index")
	}
	return parseIndex(content, cfg.Source, keyring.TrustAlways(cfg.Signer.Public()))
}

// loadBase loads the index for an incremental set, or says why the set must be
// a full one.
func (w *Writer) loadBase(listing *Listing) (fullReason string) {
	x, err := readIndex(w.cfg)
	if err != nil {
		return "index: " + err.Error()
	}
	base, found := listing.find(x.Set)
	switch {
	case !found || base.Digest != x.Descriptor:
		return fmt.Sprintf("set %s, which the index follows, is in no store", x.Set)
	case x.Chain.Increments >= w.cfg.MaxIncrements:
		return fmt.Sprintf("%d increments since full set %s", x.Chain.Increments, x.Chain.Full)
	case w.begun.Sub(x.Chain.FullBegun) >= w.cfg.MaxChainAge:
		return fmt.Sprintf("full set %s is %s old", x.Chain.Full, w.begun.Sub(x.Chain.FullBegun).Round(time.Minute))
	}
	keys := map[string]KeyHeader{}
	for _, key := range x.Keys {
		keys[key.ID] = key
	}
	parts := make([]*part, len(x.Parts))
	for i, object := range x.Parts {
		parts[i] = &part{object: object, key: keys[object.KeyID]}
	}
	for _, s := range x.Slices {
		w.known.at[s.SHA256] = &location{part: parts[s.Part], member: s.Member, sizeBytes: s.SizeBytes}
	}
	w.base.kind, w.base.chain = Incremental, x.Chain
	w.base.chain.Increments++
	return ""
}
