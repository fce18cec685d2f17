package keyring

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"

	"golang.org/x/crypto/nacl/box"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	// maxReleaseItems is 512 GiB of WAL in segments of 16 MiB: a recovery asks for
	// each. With two recipients of RSA 4096 that many headers fit a request.
	maxReleaseItems = 32768
	maxRequestBytes = 64 << 20
	maxSealedBytes  = 32 << 20 // as many keys, each under its object's name
)

// ReleaseItem asks for the session key behind one key header.
type ReleaseItem struct {
	Object string `json:"object"` // an object that begins with the header
	Set    string `json:"set"`    // the set it belongs to
	PKESK  []byte `json:"pkesk"`  // the key header
}

// Request is what a restoring host sends to the key holder. It is not secret.
type Request struct {
	HostKey [32]byte      `json:"host_key"` // the host's ephemeral X25519 public key
	Items   []ReleaseItem `json:"items"`
}

// ParseRequest reads a request in JSON and checks its size and shape.
func ParseRequest(data []byte) (Request, error) {
	var request Request
	if err := decodeStrict(data, maxRequestBytes, &request); err != nil {
		return Request{}, failure.Wrap(failure.InvalidInput, err, "read key request")
	}
	return request, request.validate()
}

func (r Request) validate() error {
	if len(r.Items) == 0 || len(r.Items) > maxReleaseItems {
		return failure.Invalid("items", "has %d entries, want 1 to %d", len(r.Items), maxReleaseItems)
	}
	for _, item := range r.Items {
		if item.Set == "" || len(item.PKESK) == 0 || len(item.PKESK) > MaxHeaderBytes {
			return failure.Invalid("items", "an entry names no set or holds no key header")
		}
	}
	return nil
}

// released is the sealed answer's content.
type released struct {
	Keys []releasedKey `json:"keys"`
}

type releasedKey struct {
	Set    string `json:"set"`
	Header string `json:"header"` // HeaderID
	Mode   Mode   `json:"mode"`
	Key    []byte `json:"key"`
}

// Release answers a request with the session keys, sealed to the requesting
// host's ephemeral key. allowed holds the keys that may be handed out, and those
// only: a private key as a source would answer whatever a host asks. One item it
// refuses fails the whole request. Running twice gives the same keys, sealed anew.
func Release(ctx context.Context, request Request, allowed KeySource) ([]byte, error) {
	if err := request.validate(); err != nil {
		return nil, err
	}
	var answer released
	for _, item := range request.Items {
		key, err := allowed.SessionKey(ctx, item.Set, item.PKESK)
		if err != nil {
			return nil, failure.Wrap(failure.ClassOf(err), err, "release session key of set %.80q", item.Set)
		}
		answer.Keys = append(answer.Keys, releasedKey{Set: item.Set, Header: HeaderID(item.PKESK), Mode: key.mode, Key: key.Bytes()})
	}
	plain, err := json.Marshal(answer)
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "encode session keys")
	}
	sealed, err := box.SealAnonymous(nil, plain, &request.HostKey, rand.Reader)
	return sealed, failure.Wrap(failure.Internal, err, "seal session keys")
}

// decodeStrict reads exactly one bounded JSON value without unknown fields.
func decodeStrict(data []byte, limitBytes int, into any) error {
	if len(data) > limitBytes {
		return failure.Invalid("size", "%d bytes are more than %d", len(data), limitBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return failure.Invalid("json", "something follows the value")
	}
	return nil
}
