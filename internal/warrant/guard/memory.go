package guard

import (
	"encoding/json"
	"slices"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/warrant"
)

const (
	maxMemoryBytes = 64 << 10
	maxAccepted    = 64 // proofs of one lease; the oldest are forgotten first
)

// memory is what a host knows about the leases on one service. The zero value is
// that of a host that never acted for it.
type memory struct {
	Token    uint64   `json:"token"` // newest acted for
	Holder   string   `json:"holder"`
	Accepted []string `json:"accepted,omitempty"` // digests of proofs, for this token
}

// accepted reports whether every proof was accepted for w's lease before.
func (m memory) accepted(w warrant.Warrant, proofs []string) bool {
	if m.Token != w.Token || m.Holder != w.Holder {
		return false
	}
	return !slices.ContainsFunc(proofs, func(p string) bool { return !slices.Contains(m.Accepted, p) })
}

func (m *memory) accept(proofs []string) {
	m.Accepted = slices.Clone(m.Accepted)
	for _, p := range proofs {
		if !slices.Contains(m.Accepted, p) {
			m.Accepted = append(m.Accepted, p)
		}
	}
	m.Accepted = m.Accepted[max(0, len(m.Accepted)-maxAccepted):]
}

// Newest returns the newest token of the lease on a service that this host acted under;
// 0: none. Whoever takes the lease next must have a higher one for this host to obey.
func (g Guard) Newest(service string) (token uint64, err error) {
	m, err := g.read(service)
	return m.Token, err
}

// read returns the memory of a service. One that is damaged is an error: a host
// that forgets would obey an old lease again.
func (g Guard) read(service string) (memory, error) {
	path := g.path(service, ".json")
	text, err := pg.ReadSmall(path, maxMemoryBytes)
	if failure.Is(err, failure.NotFound) {
		return memory{}, nil
	}
	if err != nil {
		return memory{}, err
	}
	var m memory
	if err := json.Unmarshal(text, &m); err != nil {
		return memory{}, failure.Wrap(failure.Corrupt, err, "read %s, which says whose lease this host obeyed last", path)
	}
	return m, nil
}

func (g Guard) write(service string, m memory) error {
	text, err := json.Marshal(m)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode the memory of leases on %s", service)
	}
	return g.owner().WriteFile(g.path(service, ".json"), append(text, '\n'), 0o600)
}
