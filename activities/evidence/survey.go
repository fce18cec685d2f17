package evidence

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/store"
)

const renewalPrefix = "renew-"

func renewal(number int) string { return fmt.Sprintf("%s%08d.json", renewalPrefix, number) }

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
			view.Records, err = leaseRecords(ctx, s, service)
		}
		view.Readable = err == nil
		views = append(views, view)
	}
	return views
}

// askPatience is how long one store is waited for. A store that drops every packet
// would otherwise take longer than the step that asks about a lease may, and the stores
// that answer would not be heard.
const askPatience = 10 * time.Second

// readAtOnce bounds how many objects of one store a host reads at a time.
const readAtOnce = 16

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
			records, err := leaseHolders(ctx, s, service)
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

// leaseRecords reads the records of one store, ascending by token.
func leaseRecords(ctx context.Context, s store.Store, service string) ([]recovery.LeaseRecord, error) {
	tokens, err := leaseTokens(ctx, s, service)
	if err != nil {
		return nil, err
	}
	records := make([]recovery.LeaseRecord, len(tokens))
	for i, t := range tokens {
		if records[i], err = t.record(ctx, s); err == nil {
			err = t.renewed(ctx, s, &records[i])
		}
		if err != nil {
			return nil, err
		}
	}
	return records, nil
}

// leaseHolders reads the same without renewals: who took and gave back each token, and
// nothing of how long it holds.
func leaseHolders(ctx context.Context, s store.Store, service string) ([]recovery.LeaseRecord, error) {
	tokens, err := leaseTokens(ctx, s, service)
	if err != nil {
		return nil, err
	}
	tokens = slices.DeleteFunc(tokens, func(t tokenObjects) bool { return len(t.claims) == 0 })
	records := make([]recovery.LeaseRecord, len(tokens))
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(readAtOnce)
	for i, t := range tokens {
		reading.Go(func() (err error) {
			records[i], err = t.record(ctx, s)
			return err
		})
	}
	return records, reading.Wait()
}

// tokenObjects are the objects that one store has of one token.
type tokenObjects struct {
	token    uint64
	claims   []store.Object // how it was taken and given back
	renewals []store.Object
}

// leaseTokens lists what one store has of the lease on a service, ascending by token.
func leaseTokens(ctx context.Context, s store.Store, service string) ([]tokenObjects, error) {
	prefix := leaseFolder(service)
	var tokens []tokenObjects
	for object, err := range s.List(ctx, prefix, store.ListOptions{}) {
		if err != nil {
			return nil, failure.Wrap(failure.ClassOf(err), err, "list %s in store %s", prefix, s.Name())
		}
		token, name, ok := splitLease(strings.TrimPrefix(object.Key, prefix))
		if !ok {
			continue // nothing of a lease
		}
		if len(tokens) == 0 || tokens[len(tokens)-1].token != token {
			tokens = append(tokens, tokenObjects{token: token})
		}
		t := &tokens[len(tokens)-1]
		if strings.HasPrefix(name, renewalPrefix) {
			t.renewals = append(t.renewals, object)
		} else {
			t.claims = append(t.claims, object)
		}
	}
	return tokens, nil
}

// record reads what the claims say. Names sort as acquire, release: the claim by which
// the lease was taken is read first.
func (t tokenObjects) record(ctx context.Context, s store.Store) (recovery.LeaseRecord, error) {
	r := recovery.LeaseRecord{Token: t.token}
	for _, object := range t.claims {
		if _, err := addLease(ctx, s, object, &r); err != nil {
			return r, err
		}
	}
	return r, nil
}

// renewed adds the newest renewal of r's holder, and reads no other: a lease that was
// held for days was renewed a thousand times. A store that did not answer when the lease
// was taken has only renewals, and the first of them names the holder.
func (t tokenObjects) renewed(ctx context.Context, s store.Store, r *recovery.LeaseRecord) error {
	if r.Holder == "" && len(t.renewals) > 0 {
		if _, err := addLease(ctx, s, t.renewals[0], r); err != nil {
			return err
		}
	}
	newest := slices.SortedStableFunc(slices.Values(t.renewals), func(x, y store.Object) int { return y.Modified.Compare(x.Modified) })
	for _, object := range newest {
		if counts, err := addLease(ctx, s, object, r); counts || err != nil {
			return err
		}
	}
	return nil
}

// addLease adds what one object says to its record, and reports whether it counts: where
// a store has claims of two holders under one token, what came first decides.
func addLease(ctx context.Context, s store.Store, object store.Object, r *recovery.LeaseRecord) (counts bool, err error) {
	var c claim
	if err := get(ctx, s, object.Key, &c); err != nil {
		return false, err
	}
	if r.Holder == "" {
		r.Holder = c.Holder
	}
	if c.Holder != r.Holder {
		return false, nil // it has a majority elsewhere, or lost the race: here the claim decides
	}
	switch path.Base(object.Key) {
	case "release.json":
		r.Released, r.Yielded = object.Modified, c.Yielded
		return true, nil
	case "acquire.json":
		r.Acquired, r.TakenOver = object.Modified, c.TakenOver
	}
	if expires := object.Modified.Add(min(c.TTL, MaxTTL)); expires.After(r.Expires) { // no claim lasts longer, whatever it says
		r.Expires = expires
	}
	return true, nil
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
