package evidence

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/store"
)

func renewal(number int) string { return fmt.Sprintf("renew-%08d.json", number) }

// Survey reads what every store says about the lease on a service. A store that
// does not answer is in the result as not readable.
func Survey(ctx context.Context, stores []store.Store, service string) []recovery.LeaseView {
	return (&Activities{Stores: stores}).survey(ctx, service)
}

func (a *Activities) survey(ctx context.Context, service string) []recovery.LeaseView {
	views := make([]recovery.LeaseView, 0, len(a.Stores))
	for _, s := range a.Stores {
		view := recovery.LeaseView{Store: s.Name()}
		now, err := clockOf(ctx, s, service)
		if err == nil {
			view.Now = now
			view.Records, err = leaseRecords(ctx, s, service, true)
		}
		view.Readable = err == nil
		views = append(views, view)
	}
	return views
}

// askPatience is how long Leases waits for one store.
const askPatience = 10 * time.Second

// Leases reads what every store recorded about the lease on a service, side by side,
// and only reads: no store is asked for its time, so that Now and Expires of the
// result mean nothing. It is what a host asks before it obeys a lease; see
// recovery.Ballot.Vouch. A store that does not answer within ten seconds is in the
// result as not readable.
func Leases(ctx context.Context, stores []store.Store, service string) []recovery.LeaseView {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	views := make([]recovery.LeaseView, len(stores))
	var asked sync.WaitGroup
	for i, s := range stores {
		asked.Go(func() {
			records, err := leaseRecords(ctx, s, service, false)
			views[i] = recovery.LeaseView{Store: s.Name(), Readable: err == nil, Records: records}
		})
	}
	asked.Wait()
	return views
}

// Asking returns Leases of stores, as package guard asks it.
func Asking(stores []store.Store) func(ctx context.Context, service string) []recovery.LeaseView {
	return func(ctx context.Context, service string) []recovery.LeaseView { return Leases(ctx, stores, service) }
}

// leaseRecords reads the records of one store, ascending by token. Without renewals
// their Expires mean nothing, and there is little to read.
func leaseRecords(ctx context.Context, s store.Store, service string, renewals bool) ([]recovery.LeaseRecord, error) {
	prefix := leaseFolder(service)
	var records []recovery.LeaseRecord
	for object, err := range s.List(ctx, prefix, store.ListOptions{}) {
		if err != nil {
			return nil, failure.Wrap(failure.ClassOf(err), err, "list %s in store %s", prefix, s.Name())
		}
		token, name, ok := splitLease(strings.TrimPrefix(object.Key, prefix))
		if !ok || !renewals && strings.HasPrefix(name, "renew-") {
			continue // nothing of a lease, or not asked for
		}
		i := slices.IndexFunc(records, func(r recovery.LeaseRecord) bool { return r.Token == token })
		if i < 0 {
			records = append(records, recovery.LeaseRecord{Token: token})
			i = len(records) - 1
		}
		if err := addLease(ctx, s, object, name, &records[i]); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// addLease adds what one object says to its record. Names sort as acquire,
// release, renew-…, so the claim is read first. A store that did not answer when the
// lease was taken has only what came later, and that names the holder too.
func addLease(ctx context.Context, s store.Store, object store.Object, name string, r *recovery.LeaseRecord) error {
	var c claim
	if err := get(ctx, s, object.Key, &c); err != nil {
		return err
	}
	if r.Holder == "" {
		r.Holder = c.Holder
	}
	if c.Holder != r.Holder {
		return nil // it has a majority elsewhere, or lost the race: here the claim decides
	}
	switch name {
	case "release.json":
		r.Released, r.Yielded = object.Modified, c.Yielded
		return nil
	case "acquire.json":
		r.Acquired, r.TakenOver = object.Modified, c.TakenOver
	}
	if expires := object.Modified.Add(min(c.TTL, MaxTTL)); expires.After(r.Expires) { // no claim lasts longer, whatever it says
		r.Expires = expires
	}
	return nil
}

// splitLease reads "000000000000000a/acquire.json".
func splitLease(rest string) (token uint64, name string, ok bool) {
	folder, name, ok := strings.Cut(rest, "/")
	if !ok || len(folder) != 16 {
		return 0, "", false
	}
	token, err := strconv.ParseUint(folder, 16, 64)
	return token, name, err == nil && token > 0
}

// live reports whether r still holds, by the clock of its own store.
func live(r recovery.LeaseRecord, view recovery.LeaseView) bool {
	return r.Released.IsZero() && view.Now.Before(r.Expires)
}

// takenOver returns the highest token that a person took over, in any store; 0: none.
func takenOver(views []recovery.LeaseView) uint64 {
	var highest uint64
	for _, view := range views {
		for _, r := range view.Records {
			if r.TakenOver {
				highest = max(highest, r.Token)
			}
		}
	}
	return highest
}

// silent lists the stores that did not answer.
func silent(views []recovery.LeaseView) []string {
	var names []string
	for _, view := range views {
		if !view.Readable {
			names = append(names, view.Store)
		}
	}
	return names
}
