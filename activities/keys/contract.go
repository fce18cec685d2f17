package keys

import (
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/warrant"
)

// Prefix begins the names of this package's activities.
const Prefix = "keys."

// Queue is the task queue of the key holder.
const Queue = "keys"

// ReleaseInput asks for the session keys of the objects that a request in the
// stores lists.
type ReleaseInput struct {
	PlanHash plan.Hash `json:"plan_hash"`
	Database string    `json:"database"`
	Run      string    `json:"run"`     // workflow ID and first run ID
	Request  string    `json:"request"` // key of the request object
	SHA256   string    `json:"sha256"`  // of the request object
	Set      string    `json:"set"`     // the set that was approved
	// Damaged is the cluster that people signed for, and Warrant what they signed.
	Damaged postgres.Identity `json:"damaged,omitzero"`
	Warrant *warrant.Warrant  `json:"warrant,omitempty"`
}

// Released names the sealed answer.
type Released struct {
	Object string `json:"object"` // key of the answer object
	SHA256 string `json:"sha256"`
	Keys   int    `json:"keys"`
	// Unproved counts headers that proved nothing and are not needed: pieces of the tail
	// that are forged or damaged, and headers of one of two copies.
	Unproved int      `json:"unproved,omitempty"`
	Sets     []string `json:"sets"`
}
