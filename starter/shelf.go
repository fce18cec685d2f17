package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/terragonlabs/holdfast/activities/catalog"
	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/store"
)

// shelf is a database of the plan and what the stores hold of it. It needs no
// Temporal.
type shelf struct {
	plan     *plan.Plan
	database plan.Database
	stores   []store.Store
	trust    keyring.Trust
	close    func() error
}

// openShelf opens the stores of the plan. name may be empty where the plan has
// one database only.
func (a *app) openShelf(ctx context.Context, name string) (shelf, error) {
	loaded, err := a.loadPlan()
	if err != nil {
		return shelf{}, err
	}
	database, err := databaseOf(loaded, name)
	if err != nil {
		return shelf{}, err
	}
	trust, err := binding.Trust(loaded)
	if err != nil {
		return shelf{}, err
	}
	stores, closeAll, err := binding.Stores(ctx, loaded)
	return shelf{plan: loaded, database: database, stores: stores, trust: trust, close: closeAll}, err
}

// databaseOf finds a database by name, or the only one.
func databaseOf(p *plan.Plan, name string) (plan.Database, error) {
	if name == "" && len(p.Databases) == 1 {
		return p.Databases[0], nil
	}
	if name == "" {
		var names []string
		for _, one := range p.Databases {
			names = append(names, one.Name)
		}
		return plan.Database{}, failure.Invalid("--database", "is needed: the plan has %q", names).WithHint("--database NAME")
	}
	return p.Database(name)
}

// done closes the stores and joins what that says to err.
func (s shelf) done(err error) error { return errors.Join(err, s.close()) }

func (s shelf) shelves() catalog.Shelves {
	return catalog.Shelves{Stores: s.stores, Trust: s.trust, Source: s.database.Name}
}

// holder reads the private key that opens backups.
func (k keyFlags) holder() (keyring.KeySource, error) {
	if k.file == "" {
		return nil, missingFlag("key", "name the private OpenPGP key of a recipient: --key FILE")
	}
	file, err := filepath.Abs(k.file)
	if err != nil {
		return nil, failure.Invalid("--key", "%s", err)
	}
	return binding.KeyHolder(file, k.passphrase)
}

// keyFlags name a private OpenPGP key.
type keyFlags struct{ file, passphrase string }

func (k *keyFlags) bind(flags *pflag.FlagSet, what string) {
	flags.StringVar(&k.file, "key", os.Getenv("HOLDFAST_KEY_HOLDER"), "private OpenPGP key of a recipient, "+what+" (default $HOLDFAST_KEY_HOLDER)")
	flags.StringVar(&k.passphrase, "key-passphrase", "", "passphrase of the key, as env:NAME or file:/path")
}

// newest returns the set with the greatest ID, hence the newest.
func newest(listing *archive.Listing) (archive.Set, bool) {
	if len(listing.Sets) == 0 {
		return archive.Set{}, false
	}
	return listing.Sets[len(listing.Sets)-1], true
}
