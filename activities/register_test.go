package activities_test

import (
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/activities"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// TestOnlyADatabasesHostIsAskedForKeys: a pooler's host makes no backup.
func TestOnlyADatabasesHostIsAskedForKeys(t *testing.T) {
	t.Parallel()
	p := trusted(t)
	p.Databases = p.Databases[:1] // which leaves the second site's other host without any
	const database, pooler = "quay-1", "yard-2"
	for i := range p.Encryption.Recipients {
		p.Encryption.Recipients[i].PublicKeyFile = "/nowhere" // a pooler's host has no copy
	}
	set, err := activities.Assemble(t.Context(), activities.Config{Plan: p, Host: pooler, StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if set.Routing == nil || set.Postgres != nil {
		t.Errorf("host %s offers %+v", pooler, set)
	}
	if err := set.Close(); err != nil {
		t.Error(err)
	}
	_, err = activities.Assemble(t.Context(), activities.Config{Plan: p, Host: database, StateDir: t.TempDir()})
	if !failure.Is(err, failure.InvalidInput) || failure.HintOf(err) == "" {
		t.Errorf("host %s without its key: %v, hint %q", database, err, failure.HintOf(err))
	}
}

// trusted is a plan with a directory as its store and a host's key.
func trusted(t *testing.T) *plan.Plan {
	t.Helper()
	p, _, err := plan.Load("../internal/plan/testdata/second.yaml")
	if err != nil {
		t.Fatal(err)
	}
	key, err := keyring.Generate("signer", "")
	if err != nil {
		t.Fatal(err)
	}
	line, err := key.Public().Line()
	if err != nil {
		t.Fatal(err)
	}
	today := time.Now().UTC()
	p.Stores = []plan.Store{{Name: "cellar", Provider: plan.StoreFile, Path: t.TempDir()}}
	p.Sites[0].Hosts[0].SigningKeys = []plan.SigningKey{{
		Key: line, ValidFrom: plan.Date(today.AddDate(0, 0, -1).Format(time.DateOnly)), ValidUntil: plan.Date(today.AddDate(0, 0, 2).Format(time.DateOnly)),
	}}
	return p
}
