package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"
	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/activities/catalog"
	"github.com/terragonlabs/holdfast/activities/clock"
	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/keys"
	"github.com/terragonlabs/holdfast/activities/notify"
	"github.com/terragonlabs/holdfast/activities/planning"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/activities/reporting"
	"github.com/terragonlabs/holdfast/activities/routing"
	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Config is what a process was given to work with.
type Config struct {
	Plan          *plan.Plan
	Host          string // this host's name in the plan; "" offers nothing that touches disks or poolers
	StateDir      string // of this host: index, journals, fence records
	SignerFile    string // private OpenPGP key that signs this host's backups; a host without a database needs none
	WALProgram    string // the small binary that PostgreSQL calls
	KeyHolderFile string // private OpenPGP keys that open backups; "" releases none
	KeyPassphrase string // secret reference; may be empty
	Version       string // of this program, for reports
	Log           *zap.Logger
}

// Set holds the activities of one process. Fields it was not given the means for
// are nil, and are not registered.
type Set struct {
	Clock     *clock.Activities
	Planning  *planning.Activities
	Catalog   *catalog.Activities
	Evidence  *evidence.Activities
	Notify    *notify.Activities
	Reporting *reporting.Activities
	Routing   *routing.Activities
	Postgres  *postgres.Activities
	Keys      *keys.Activities

	Stores []store.Store
	close  func() error
}

// Assemble opens the plan's stores, reads the keys, and returns what this process
// can offer. The caller closes the set.
func Assemble(ctx context.Context, c Config) (*Set, error) {
	stores, closeStores, err := binding.Stores(ctx, c.Plan)
	if err != nil {
		return nil, err
	}
	set := &Set{Stores: stores, close: closeStores}
	if err := set.fill(c); err != nil {
		return nil, errors.Join(err, closeStores())
	}
	return set, nil
}

func (s *Set) fill(c Config) error {
	trust, err := binding.Trust(c.Plan)
	if err != nil {
		return err
	}
	s.Clock = &clock.Activities{StateDir: c.StateDir}
	s.Planning = planning.New(c.Plan)
	s.Catalog = catalog.New(c.Plan, s.Stores, trust)
	s.Evidence = &evidence.Activities{Stores: s.Stores}
	s.Notify = notify.New(c.Plan)
	s.Reporting = reporting.New(s.Stores, c.Version)
	s.Routing = routing.New(routing.Config{Plan: c.Plan, StateDir: c.StateDir, Stores: s.Stores})
	if c.KeyHolderFile != "" {
		held, err := binding.KeyHolder(c.KeyHolderFile, c.KeyPassphrase)
		if err != nil {
			return err
		}
		s.Keys = keys.New(c.Plan, s.Stores, trust, held)
	}
	return s.fillPostgres(c, trust)
}

// fillPostgres offers what a database's host does: to back it up, among others. A
// pooler's host needs no keys for what it does.
func (s *Set) fillPostgres(c Config, trust keyring.Trust) error {
	database, holds := databaseOn(c.Plan, c.Host)
	if !holds {
		return nil
	}
	if c.SignerFile == "" {
		return failure.Invalid("signing key", "host %s holds database %s, whose backups it signs", c.Host, database).
			WithHint("name the host's key: worker run --signing-key FILE, starter undo --signer FILE; starter key generate --host %s makes one", c.Host)
	}
	recipients, err := binding.Recipients(c.Plan)
	if err != nil {
		return err
	}
	signer, err := binding.Signer(c.SignerFile)
	if err != nil {
		return err
	}
	s.Postgres = postgres.New(postgres.Config{
		Plan: c.Plan, Host: c.Host, Stores: s.Stores, Trust: trust, Recipients: recipients, Signer: signer,
		StateDir: c.StateDir, WALProgram: c.WALProgram, Log: c.Log,
	})
	return nil
}

// databaseOn names a database of the plan that has a server on host.
func databaseOn(p *plan.Plan, host string) (name string, holds bool) {
	for _, database := range p.Databases {
		for _, server := range database.Hosts {
			if server.Host == host {
				return database.Name, true
			}
		}
	}
	return "", false
}

// Close ends the stores' clients.
func (s *Set) Close() error { return s.close() }

// Registry is what activities are registered on: a worker, or a test.
type Registry interface {
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}

// Control registers what any control worker offers: it needs stores and the plan
// and touches no host's disk.
func (s *Set) Control(r Registry) {
	r.RegisterActivityWithOptions(s.Planning, activity.RegisterOptions{Name: planning.Prefix})
	r.RegisterActivityWithOptions(s.Catalog, activity.RegisterOptions{Name: catalog.Prefix})
	r.RegisterActivityWithOptions(s.Evidence, activity.RegisterOptions{Name: evidence.Prefix})
	r.RegisterActivityWithOptions(s.Notify, activity.RegisterOptions{Name: notify.Prefix})
	r.RegisterActivityWithOptions(s.Reporting, activity.RegisterOptions{Name: reporting.Prefix})
}

// OnHost registers what must run on this process's host.
func (s *Set) OnHost(r Registry) {
	r.RegisterActivityWithOptions(s.Clock, activity.RegisterOptions{Name: clock.Prefix})
	r.RegisterActivityWithOptions(s.Routing, activity.RegisterOptions{Name: routing.Prefix})
	if s.Postgres != nil {
		r.RegisterActivityWithOptions(s.Postgres, activity.RegisterOptions{Name: postgres.Prefix})
	}
}

// Holder registers the key holder's activities.
func (s *Set) Holder(r Registry) {
	if s.Keys != nil {
		r.RegisterActivityWithOptions(s.Keys, activity.RegisterOptions{Name: keys.Prefix})
	}
}
