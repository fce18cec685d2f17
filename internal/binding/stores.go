package binding

import (
	"context"
	"errors"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/open"
)

// StoreConfig returns how to open a store of the plan.
func StoreConfig(s plan.Store) open.Config {
	return open.Config{
		Name: s.Name, Provider: string(s.Provider), Bucket: s.Bucket, Dir: s.Path, Prefix: s.Prefix,
		Endpoint: s.Endpoint, Region: s.Region, PathStyle: s.PathStyle, CAFile: s.CAFile,
		AccessKey: string(s.AccessKey), SecretKey: string(s.SecretKey),
		Credentials: string(s.CredentialsJSON), Anonymous: s.Anonymous,
	}
}

// Stores opens every store of the plan, in its order. closeAll ends them. One
// that cannot be opened is an error naming it: a store nobody notices missing is
// a copy nobody has. One that is down is open, and says so whenever it is asked:
// a worker that starts, and a command that is called, when it is down must do
// what the others are enough for.
func Stores(ctx context.Context, p *plan.Plan) (stores []store.Store, closeAll func() error, err error) {
	var opened []open.Store
	closeAll = func() error {
		var errs []error
		for _, s := range opened {
			errs = append(errs, s.Close())
		}
		return errors.Join(errs...)
	}
	for _, described := range p.Stores {
		s, err := open.Anyway(ctx, StoreConfig(described), described.Lock.Retention > 0)
		if err != nil {
			return nil, nil, errors.Join(failure.Wrap(failure.ClassOf(err), err, "open store %s", described.Name), closeAll())
		}
		opened = append(opened, s)
		stores = append(stores, s)
	}
	return stores, closeAll, nil
}

// RetainUntil returns the end of the longest retention lock the plan asks of any
// store for an object written at now; zero when it asks for none.
func RetainUntil(p *plan.Plan, now time.Time) time.Time {
	var longest time.Duration
	for _, s := range p.Stores {
		longest = max(longest, s.Lock.Retention.Std())
	}
	if longest == 0 {
		return time.Time{}
	}
	return now.Add(longest)
}
