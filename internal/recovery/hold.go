package recovery

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Ballot is one reading of a lease in all stores of the plan.
//
// # The rule
//
// A lease is held by whoever has the record of the highest token, live, in a
// majority of the stores: with two stores in both, with three in two. Any two
// majorities share a store, and a store accepts one record per token, so two
// holders cannot exist. A store is asked by its own clock; hosts' clocks are
// never compared. A new holder puts the next token, and only when nobody can
// hold the highest one any more. Whoever sees a higher token than its own
// anywhere has lost the lease for good, live or not: that is the fence. Hosts remember
// the highest they acted under; where that is above every token the stores show, the next
// is above it too (LeaseState.Above).
//
// A store that is gone would block two-store plans. People may declare it lost,
// which takes it out of the count. That is a decision with a risk, since two runs
// that each declare another store lost could both act: it needs a signed order,
// and it is on the caller to have checked one.
type Ballot struct {
	Views []LeaseView `json:"views"` // one per store of the plan
	Lost  []string    `json:"lost"`  // stores declared lost by a signed order
}

// State returns who holds the lease and what a new holder must do. The error is
// Unavailable when fewer than a majority of the stores answered, and Corrupt when a
// store has the highest token there is, after which nobody could take another.
func (b Ballot) State() (LeaseState, error) {
	readable, quorum, err := b.count()
	if err != nil {
		return LeaseState{}, err
	}
	top := topToken(readable)
	if top == math.MaxUint64 {
		return LeaseState{}, failure.New(failure.Corrupt, "a store has token %d of the lease, and there is none after it: no run took that", top).
			WithHint("somebody else writes to a store: see who may, then remove that token's folder below v1/leases/")
	}
	state := LeaseState{NextToken: top + 1, Free: true, Why: "nobody holds it"}
	open := b.electors() - len(readable) // stores that may hold what we cannot see
	votes := map[string]int{}
	var holders []string // in a fixed order, so that every reading answers alike
	for _, view := range readable {
		record, found := view.record(top)
		switch {
		case !found:
			open++
		case record.live(view.Now, 0):
			if votes[record.Holder]++; votes[record.Holder] == 1 {
				holders = append(holders, record.Holder)
			}
		}
	}
	for _, holder := range holders {
		count := votes[holder]
		if count >= quorum {
			state.Holder, state.Token, state.Free = holder, top, false
			state.Expires, state.Why = earliestExpiry(readable, top), "live in a majority of the stores"
			return state, nil
		}
		if count+open >= quorum {
			state.Free, state.Why = false, "somebody may hold it in stores that did not answer, or is taking it now"
		}
	}
	return state, nil
}

// MayAct returns nil if holder with token may act for at least margin more. The
// error is Unavailable when too few stores answered, Unsafe otherwise. The caller
// asks again before every dangerous step: the answer is only as good as its age.
func (b Ballot) MayAct(holder string, token uint64, margin time.Duration) error {
	readable, quorum, err := b.count()
	if err != nil {
		return err
	}
	if holder == "" || token == 0 {
		return failure.Invalid("lease", "holder and token must be set")
	}
	votes := 0
	for _, view := range readable {
		for _, record := range view.Records {
			if record.Token > token {
				return failure.New(failure.Unsafe, "the lease passed on: store %s has token %d of %q, ours is %d",
					view.Store, record.Token, record.Holder, token).WithHint("stop; see who acts now: starter status")
			}
		}
		record, found := view.record(token)
		if found && record.Holder == holder && record.live(view.Now, margin) {
			votes++
		}
	}
	if votes < quorum {
		return failure.New(failure.Unsafe, "the lease is live in %d stores, %d are needed", votes, quorum).
			WithHint("renew or take the lease again before going on; see who acts now: starter status")
	}
	return nil
}

// count returns the views that answered and the majority of the stores that count.
func (b Ballot) count() ([]LeaseView, int, error) {
	var readable []LeaseView
	var silent []string
	seen := map[string]bool{}
	for _, view := range b.Views {
		if view.Store == "" || seen[view.Store] {
			return nil, 0, failure.Invalid("lease.views", "store %q is named twice or not at all", view.Store)
		}
		seen[view.Store] = true
		switch {
		case b.lost(view.Store):
		case view.Readable:
			readable = append(readable, view)
		default:
			silent = append(silent, view.Store)
		}
	}
	electors := b.electors()
	quorum := electors/2 + 1
	if electors == 0 || len(readable) < quorum {
		return nil, 0, failure.New(failure.Unavailable, "%d of %d stores answered, %d are needed to know who holds the lease: none came from %s",
			len(readable), electors, quorum, strings.Join(silent, ", ")).WithHint("see which stores answer: starter plan check --live")
	}
	return readable, quorum, nil
}

func (b Ballot) electors() int {
	count := 0
	for _, view := range b.Views {
		if !b.lost(view.Store) {
			count++
		}
	}
	return count
}

func (b Ballot) lost(store string) bool { return slices.Contains(b.Lost, store) }

func topToken(views []LeaseView) uint64 {
	var top uint64
	for _, view := range views {
		for _, record := range view.Records {
			top = max(top, record.Token)
		}
	}
	return top
}

func (v LeaseView) record(token uint64) (LeaseRecord, bool) {
	at := slices.IndexFunc(v.Records, func(r LeaseRecord) bool { return r.Token == token })
	if at < 0 {
		return LeaseRecord{}, false
	}
	return v.Records[at], true
}

// live reports whether the record still holds for margin after now, both by the
// store's clock. At the very moment of expiry it no longer does.
func (r LeaseRecord) live(now time.Time, margin time.Duration) bool {
	return r.Released.IsZero() && r.Expires.Sub(now) > margin
}

func earliestExpiry(views []LeaseView, token uint64) time.Time {
	var expiries []time.Time
	for _, view := range views {
		if record, found := view.record(token); found && record.live(view.Now, 0) {
			expiries = append(expiries, record.Expires)
		}
	}
	return slices.MinFunc(expiries, time.Time.Compare)
}
