package main

import (
	"context"
	"errors"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/obs"
	"github.com/terragonlabs/holdfast/internal/store/open"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// openWAL opens the stores and keys that a WAL command's settings name. It needs
// neither Temporal nor the plan: WAL must flow while everything else is down, a store
// among it.
func openWAL(ctx context.Context, s settings.Settings) (walship.Options, func() error, error) {
	log, err := obs.NewLogger(obs.LogJSON, "info")
	if err != nil {
		return walship.Options{}, nil, err
	}
	opts := walship.Options{Settings: s, Log: log}
	if opts.Recipients, opts.Keys, err = walship.LoadKeys(s.Keys); err != nil {
		return opts, nil, err
	}
	var opened []open.Store
	closeAll := func() error {
		_ = log.Sync() // stderr that is a terminal cannot be synced
		var errs []error
		for _, one := range opened {
			errs = append(errs, one.Close())
		}
		return errors.Join(errs...)
	}
	for _, one := range s.Stores {
		added, err := open.Anyway(ctx, storeConfig(one), s.Archive.RetainFor > 0)
		if err != nil {
			return opts, nil, errors.Join(failure.Wrap(failure.ClassOf(err), err, "open store %s", one.Name), closeAll())
		}
		opened, opts.Stores = append(opened, added), append(opts.Stores, added)
	}
	return opts, closeAll, nil
}

func storeConfig(s settings.Store) open.Config {
	return open.Config{
		Name: s.Name, Provider: s.Provider, Bucket: s.Bucket, Dir: s.Dir, Prefix: s.Prefix,
		Endpoint: s.Endpoint, Region: s.Region, PathStyle: s.PathStyle, CAFile: s.CAFile,
		AccessKey: s.AccessKey, SecretKey: s.SecretKey, Credentials: s.Credentials, Anonymous: s.Anonymous,
	}
}
