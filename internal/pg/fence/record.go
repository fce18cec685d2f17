package fence

import (
	"encoding/json"
	"os"
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

const maxRecordBytes = 4 << 20

// Record is what was there before the fence.
type Record struct {
	SystemID wal.SystemID `json:"system_id"`
	MadeAt   time.Time    `json:"made_at"`
	Roles    []Role       `json:"roles"`
	Settings []Setting    `json:"settings"`
	Offline  *Offline     `json:"offline,omitempty"`
	// Subscriptions were enabled. Of a Copy they stay disabled when the fence is
	// lifted.
	Subscriptions []Subscription `json:"subscriptions,omitempty"`
	Copy          bool           `json:"copy,omitempty"`
}

// Role is an application role as it was.
type Role struct {
	Name      string `json:"name" db:"name"`
	Limit     int    `json:"limit" db:"connection_limit"` // -1: none
	CanLogin  bool   `json:"can_login" db:"can_login"`
	Superuser bool   `json:"superuser" db:"superuser"`
}

// Setting is default_transaction_read_only of a role in a database as it was.
type Setting struct {
	Role     string  `json:"role" db:"role"`
	Database string  `json:"database" db:"database"`
	ReadOnly *string `json:"read_only,omitempty" db:"read_only"` // nil: not set
}

// inherit takes over from prior what r shows in its fenced state, and what r does
// not hold at all.
func (r *Record) inherit(prior Record) {
	for _, was := range prior.Roles {
		r.inheritRole(was)
	}
	for _, was := range prior.Settings {
		r.inheritSetting(was)
	}
	for _, was := range prior.Subscriptions {
		r.inheritSubscription(was)
	}
}

func (r *Record) inheritRole(was Role) {
	at := slices.IndexFunc(r.Roles, func(role Role) bool { return role.Name == was.Name })
	switch {
	case at < 0:
		r.Roles = append(r.Roles, was)
	case r.Roles[at].Limit == 0:
		r.Roles[at].Limit, r.Roles[at].CanLogin = was.Limit, was.CanLogin
	}
}

func (r *Record) inheritSetting(was Setting) {
	at := slices.IndexFunc(r.Settings, func(s Setting) bool { return s.Role == was.Role && s.Database == was.Database })
	switch {
	case at < 0:
		r.Settings = append(r.Settings, was)
	case r.Settings[at].ReadOnly != nil && *r.Settings[at].ReadOnly == "on":
		r.Settings[at].ReadOnly = was.ReadOnly
	}
}

// Load reads the record at path and whether there is one: a fence is up, or
// half up.
func Load(path string) (Record, bool, error) {
	content, err := pg.ReadSmall(path, maxRecordBytes)
	if failure.Is(err, failure.NotFound) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, err
	}
	var record Record
	if err := json.Unmarshal(content, &record); err != nil || record.SystemID == 0 {
		return Record{}, false, failure.New(failure.Corrupt, "%s is not a fence record", path).
			WithHint("compare ALTER ROLE … CONNECTION LIMIT by hand before removing it")
	}
	return record, true, nil
}

func save(owner pg.Owner, path string, record Record) error {
	content, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode fence record")
	}
	return owner.WriteFile(path, append(content, '\n'), 0o600)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return pg.ClassifyFile(err, "remove fence record")
	}
	return nil
}
