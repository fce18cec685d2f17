package evidence

import (
	"context"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/store"
)

// AcquireLease takes the lease on a service, by the rule in the package comment.
// Running twice returns the same lease: a holder's own claim is completed, not
// doubled.
//
// Errors: failure.Refused when somebody else holds it; failure.Unavailable when
// too few stores answer, the claim staying in those that did.
func (a *Activities) AcquireLease(ctx context.Context, in AcquireIn) (Lease, error) {
	lease, err := a.acquire(ctx, in)
	return lease, boundary.Out(err)
}

// RenewLease extends a lease by its TTL from now, by the stores' clocks. Running
// twice renews once. It is failure.Refused when another holder has a higher
// token: the caller must stop acting.
func (a *Activities) RenewLease(ctx context.Context, in RenewIn) (Lease, error) {
	lease, err := a.renew(ctx, in)
	return lease, boundary.Out(err)
}

// ReleaseLease gives a lease back. Running twice writes nothing new.
func (a *Activities) ReleaseLease(ctx context.Context, in Lease) (Where, error) {
	key := leaseToken(in.Service, in.Token) + "release.json"
	where, err := a.putEverywhere(ctx, key, claim{Holder: in.Holder, TTL: in.TTL}, time.Time{})
	return where, boundary.Out(err)
}

// claim is the content of every lease object.
type claim struct {
	Holder string        `json:"holder"`
	TTL    time.Duration `json:"ttl_ns"`
}

func (in AcquireIn) validate() error {
	switch {
	case in.Service == "":
		return failure.Invalid("service", "is required")
	case in.Holder == "":
		return failure.Invalid("holder", "is required")
	case in.TTL < time.Second || in.TTL > 24*time.Hour:
		return failure.Invalid("ttl", "%s is not between 1s and 24h", in.TTL)
	}
	return nil
}

func (a *Activities) acquire(ctx context.Context, in AcquireIn) (Lease, error) {
	if err := in.validate(); err != nil {
		return Lease{}, err
	}
	seen := a.survey(ctx, in.Service)
	token, err := nextToken(seen, in.Holder)
	if err != nil {
		return Lease{}, err
	}
	lease := Lease{Service: in.Service, Holder: in.Holder, Token: token, TTL: in.TTL}
	return a.claimEverywhere(ctx, lease, "acquire.json")
}

func (a *Activities) renew(ctx context.Context, in RenewIn) (Lease, error) {
	seen := a.survey(ctx, in.Lease.Service)
	for _, view := range seen {
		for _, record := range view.Records {
			if record.Token > in.Lease.Token {
				return in.Lease, failure.New(failure.Refused, "%q holds the lease on %s since %s, with token %d",
					record.Holder, in.Lease.Service, record.Acquired.UTC().Format(time.RFC3339), record.Token)
			}
		}
	}
	return a.claimEverywhere(ctx, in.Lease, renewal(in.Number))
}

// claimEverywhere writes one object of a lease into every store. A majority
// must have it. The lease ends its TTL after the earliest of their clocks.
func (a *Activities) claimEverywhere(ctx context.Context, lease Lease, name string) (Lease, error) {
	body, err := encode(claim{Holder: lease.Holder, TTL: lease.TTL})
	if err != nil {
		return lease, err
	}
	lease.Stores, lease.Expires = nil, time.Time{}
	var last error
	for _, s := range a.Stores {
		object, err := putOnce(ctx, s, leaseToken(lease.Service, lease.Token)+name, body, time.Time{})
		switch {
		case failure.Is(err, failure.Exists):
			return lease, failure.New(failure.Refused, "another run took token %d of the lease on %s first", lease.Token, lease.Service).
				WithHint("starter status --service %s", lease.Service)
		case err != nil:
			last = err
			continue
		}
		lease.Stores = append(lease.Stores, s.Name())
		if expires := object.Modified.Add(lease.TTL); lease.Expires.IsZero() || expires.Before(lease.Expires) {
			lease.Expires = expires
		}
	}
	if len(lease.Stores) <= len(a.Stores)/2 {
		return lease, failure.Wrap(failure.Unavailable, last, "claim the lease on %s in a majority of %d stores: only %d took it",
			lease.Service, len(a.Stores), len(lease.Stores))
	}
	return lease, nil
}

// clockOf returns the store's own time: that of an object made for the purpose.
func clockOf(ctx context.Context, s store.Store, service string) (time.Time, error) {
	key := leaseFolder(service) + "clock/" + decimal(time.Now().UnixNano()) + ".json"
	object, err := putOnce(ctx, s, key, []byte("{}"), time.Time{})
	if err != nil {
		return time.Time{}, err
	}
	err = s.Delete(ctx, key, object.Version)
	return object.Modified, failure.Wrap(failure.ClassOf(err), err, "delete %s from store %s", key, s.Name())
}
