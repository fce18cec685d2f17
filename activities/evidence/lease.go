package evidence

import (
	"context"
	"errors"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/replicate"
)

// AcquireLease takes the lease on a service, by the rule in the package comment.
// Running twice returns the same lease: a holder's own claim is completed, not
// doubled.
//
// Errors: failure.Refused when somebody else holds it; failure.Unavailable when
// too few stores answer; failure.Unsafe when it ran out or passed on before the
// claim was written everywhere.
func (a *Activities) AcquireLease(ctx context.Context, in AcquireIn) (Lease, error) {
	lease, err := a.acquire(ctx, in)
	return lease, boundary.Out(err)
}

// RenewLease extends a lease by its TTL from now, by the stores' clocks. Running
// twice renews once. It is failure.Unsafe when another holder has a higher
// token: the caller must stop acting. A lease that no store knows the holder to have
// taken is failure.Refused, and nothing is written.
func (a *Activities) RenewLease(ctx context.Context, in RenewIn) (Lease, error) {
	lease, err := a.renew(ctx, in)
	return lease, boundary.Out(err)
}

// ReleaseLease gives a lease back. Running twice writes nothing new. A lease that no
// store knows the holder to have taken is failure.Refused, and nothing is written.
func (a *Activities) ReleaseLease(ctx context.Context, in Lease) (Where, error) {
	where, err := a.release(ctx, in, false)
	return where, boundary.Out(err)
}

func (a *Activities) release(ctx context.Context, in Lease, yielded bool) (Where, error) {
	if err := a.requireClaim(ctx, in); err != nil {
		return Where{}, err
	}
	key := leaseToken(in.Service, in.Token) + "release.json"
	return a.putEverywhere(ctx, key, claim{Holder: in.Holder, TTL: in.TTL, Yielded: yielded}, time.Time{})
}

// requireClaim returns nil when a store holds the claim by which the lease was taken.
// What a caller says of a lease is a message like any other: without it, a renewal of
// a token that nobody took would make the lease pass on to nobody.
//
// Errors: failure.Refused when all stores answered and none has it for the holder;
// failure.Unavailable when none of those that answered has, and not all did.
func (a *Activities) requireClaim(ctx context.Context, lease Lease) error {
	var silent []error
	var rival string
	for _, s := range a.Stores {
		c, err := claimIn(ctx, s, lease)
		switch {
		case err == nil && c.Holder == lease.Holder:
			return nil
		case err == nil: // the others may have it: a rival who lost came first in one store
			rival = c.Holder
		case !failure.Is(err, failure.NotFound):
			silent = append(silent, err)
		}
	}
	if len(silent) > 0 {
		return failure.Wrap(failure.Unavailable, errors.Join(silent...), "see whether %q took token %d of the lease on %s", lease.Holder, lease.Token, lease.Service)
	}
	if rival != "" {
		return failure.New(failure.Refused, "token %d of the lease on %s belongs to %q, not to %q", lease.Token, lease.Service, rival, lease.Holder).
			WithHint("see who holds it: starter status")
	}
	return failure.New(failure.Refused, "nobody took token %d of the lease on %s", lease.Token, lease.Service).
		WithHint("see who holds it: starter status")
}

// claimIn reads the claim by which a lease was taken from one store.
func claimIn(ctx context.Context, s store.Store, lease Lease) (c claim, err error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	err = get(ctx, s, leaseToken(lease.Service, lease.Token)+"acquire.json", &c)
	return c, err
}

// MaxTTL bounds a lease: nobody is kept out for longer than a month by a holder
// that is gone.
const MaxTTL = 31 * 24 * time.Hour

// TakeOver takes the lease on a service from whoever holds it, in the stores that
// answer: for a person who knows that nobody acts, and says so. The holder before
// learns of it from the higher token: its next renewal fails, and hosts refuse it.
// It is no activity: it cannot be asked for over the network.
//
// Errors: failure.Refused when somebody else takes the lease just now;
// failure.Unavailable when no store answers.
func TakeOver(ctx context.Context, stores []store.Store, in AcquireIn) (Lease, error) {
	if err := in.validate(); err != nil {
		return Lease{}, err
	}
	a := &Activities{Stores: stores}
	ballot := recovery.Ballot{Views: a.survey(ctx, in.Service)}
	ballot.Lost = silent(ballot.Views)
	state, err := ballot.State()
	if err != nil {
		return Lease{}, err
	}
	return a.claimEverywhere(ctx, Lease{
		Service: in.Service, Holder: in.Holder, Token: state.Above(in.Obeyed), TTL: in.TTL, Lost: ballot.Lost,
	}, "acquire.json", true)
}

// claim is the content of every lease object.
type claim struct {
	Holder    string        `json:"holder"`
	TTL       time.Duration `json:"ttl_ns"`
	TakenOver bool          `json:"taken_over,omitempty"` // see TakeOver
	Yielded   bool          `json:"yielded,omitempty"`    // see yieldToRenewal
}

func (in AcquireIn) validate() error {
	switch {
	case in.Service == "":
		return failure.Invalid("service", "is required")
	case in.Holder == "":
		return failure.Invalid("holder", "is required")
	case in.TTL < time.Second || in.TTL > MaxTTL:
		return failure.Invalid("ttl", "%s is not between 1s and %s", in.TTL, MaxTTL)
	}
	return nil
}

func (a *Activities) acquire(ctx context.Context, in AcquireIn) (Lease, error) {
	if err := in.validate(); err != nil {
		return Lease{}, err
	}
	ballot := recovery.Ballot{Views: a.survey(ctx, in.Service)}
	if in.Partial {
		ballot.Lost = silent(ballot.Views)
	}
	token, err := tokenFor(ballot, in)
	if failure.Is(err, failure.Unavailable) && len(ballot.Lost) < len(a.Stores) {
		return Lease{}, onYourWord(err)
	}
	if err != nil {
		return Lease{}, err
	}
	lease := Lease{Service: in.Service, Holder: in.Holder, Token: token, TTL: in.TTL, Lost: ballot.Lost}
	lease, err = a.claimEverywhere(ctx, lease, "acquire.json", false)
	if err != nil {
		return lease, err
	}
	return lease, a.confirm(ctx, lease)
}

// onYourWord says what a person may do about stores that do not answer.
func onYourWord(err error) error {
	return failure.New(failure.Unavailable, "%s", err).
		WithHint("when it answers again (starter plan check --live): starter resolve --retry; or, where you know that nobody acts through it: starter resolve --skip, " +
			"which goes on with the stores that answer")
}

// tokenFor returns the token that holder may claim: its own live one, so that a
// claim that was cut short is completed, or the next one that hosts obey when nobody can
// hold the lease.
func tokenFor(ballot recovery.Ballot, in AcquireIn) (uint64, error) {
	state, err := ballot.State()
	if err != nil {
		return 0, err
	}
	for _, view := range ballot.Views {
		for _, r := range view.Records {
			if r.Token+1 == state.NextToken && r.Holder == in.Holder && live(r, view) {
				return r.Token, nil
			}
		}
	}
	if !state.Free {
		return 0, failure.New(failure.Refused, "the lease is not free: %s %s", state.Holder, state.Why).
			WithHint("see who holds it: starter status; it ends at %s", state.Expires.UTC().Format(time.RFC3339))
	}
	return state.Above(in.Obeyed), nil
}

// confirm looks again after the claim is written, since it may have taken any time and
// others may have acted meanwhile. The claim must be live in a majority of the stores
// and none may know a higher token; stores that do not answer confirm nothing.
func (a *Activities) confirm(ctx context.Context, lease Lease) error {
	ballot := recovery.Ballot{Views: a.survey(ctx, lease.Service), Lost: lease.Lost}
	if err := a.yieldToRenewal(ctx, lease, ballot.Views); err != nil {
		return err
	}
	return ballot.MayAct(lease.Holder, lease.Token, 0)
}

// yieldToRenewal closes the one race there is: an older holder renewed after we
// looked and before we claimed. Whoever of the two looks last sees the other, so
// both looking after writing means that at most one goes on. Whoever a person took
// the lease from holds nothing, however long it had renewed it for.
func (a *Activities) yieldToRenewal(ctx context.Context, lease Lease, views []recovery.LeaseView) error {
	ended := takenOver(views)
	for _, view := range views {
		for _, r := range view.Records {
			if ended <= r.Token && r.Token < lease.Token && r.Holder != lease.Holder && live(r, view) {
				_, err := a.release(ctx, lease, true)
				return errors.Join(failure.New(failure.Refused, "%q renewed its lease on %s just now", r.Holder, lease.Service).
					WithHint("see who holds it: starter status"), err)
			}
		}
	}
	return nil
}

func (a *Activities) renew(ctx context.Context, in RenewIn) (Lease, error) {
	if err := a.requireClaim(ctx, in.Lease); err != nil {
		return in.Lease, err
	}
	lease, err := a.claimEverywhere(ctx, in.Lease, renewal(in.Number), false)
	if err != nil {
		return in.Lease, err
	}
	ballot := recovery.Ballot{Views: a.survey(ctx, lease.Service), Lost: lease.Lost}
	return lease, ballot.MayAct(lease.Holder, lease.Token, 0)
}

// claimEverywhere writes one object of a lease into every store. A majority
// must have it. The lease ends its TTL after the earliest of their clocks.
func (a *Activities) claimEverywhere(ctx context.Context, lease Lease, name string, takeOver bool) (Lease, error) {
	body, err := encode(claim{Holder: lease.Holder, TTL: lease.TTL, TakenOver: takeOver})
	if err != nil {
		return lease, err
	}
	lease.Stores, lease.Expires = nil, time.Time{}
	var silent []error
	for _, s := range a.Stores {
		object, err := putSoon(ctx, s, leaseToken(lease.Service, lease.Token)+name, body)
		switch {
		case failure.Is(err, failure.Exists):
			return lease, failure.New(failure.Refused, "another run took token %d of the lease on %s first", lease.Token, lease.Service).
				WithHint("see who holds it: starter status")
		case err != nil:
			silent = append(silent, err)
			continue
		}
		lease.Stores = append(lease.Stores, s.Name())
		if expires := object.Modified.Add(lease.TTL); lease.Expires.IsZero() || expires.Before(lease.Expires) {
			lease.Expires = expires
		}
	}
	if electors := len(a.Stores) - len(lease.Lost); len(lease.Stores) <= electors/2 {
		return lease, failure.Wrap(failure.Unavailable, errors.Join(silent...), "claim the lease on %s in a majority of %d stores: %d took it",
			lease.Service, electors, len(lease.Stores))
	}
	return lease, nil
}

// clockOf returns the store's own time: that of an object made for the purpose,
// outside the folder that surveys list. It is removed where the credentials may
// delete; where they may not, as is best, two bytes stay, and the time is as true.
func clockOf(ctx context.Context, s store.Store, service string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	object, err := replicate.PutOnce(ctx, s, clockKey(service, time.Now()), []byte("{}"), time.Time{})
	if err != nil {
		return time.Time{}, err
	}
	_ = s.Delete(ctx, object.Key, object.Version) // nothing depends on it
	return object.Modified, nil
}

// putSoon creates an object of a lease in one store. One that does not answer in time
// is silent; what it took all the same, it shows when it is asked the next time.
func putSoon(ctx context.Context, s store.Store, key string, body []byte) (store.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	return replicate.PutOnce(ctx, s, key, body, time.Time{})
}
