package recovery

import "github.com/terragonlabs/holdfast/internal/failure"

// Vouch judges from what the stores recorded whether holder acts under token: what a
// host asks before it believes the token that it is shown. Clocks have no part in it:
// a lease that ran out and that nobody took since is still its holder's.
//
// # The rule
//
// One store that recorded the token for the holder is enough, and any store that says
// otherwise is too many:
//
//   - a higher token, live or not: the lease passed on;
//   - the same token for somebody else: two runs were let go on without a majority;
//   - the lease given back, under this token or an earlier one of the holder's, or
//     somebody else's token between two of the holder's: a run takes its lease once,
//     and when that has ended it has no other. Who yielded has not had it yet.
//
// A store that does not answer, or that recorded nothing, says nothing: a person may
// have let the run go on without it. A run without a lease (token 0) is vouched for
// unless a store knows somebody else whose lease was not given back.
//
// Errors: failure.Unsafe where a store says otherwise, or all answered and none knows
// the token; failure.Unavailable where none that answered knows it, and not all did.
func (b Ballot) Vouch(holder string, token uint64) error {
	known, silent := token == 0, len(b.Views) == 0
	first := b.firstToken(holder)
	for _, view := range b.Views {
		if !view.Readable {
			silent = true
			continue
		}
		for _, record := range view.Records {
			if err := contradicts(record, view.Store, holder, token, first); err != nil {
				return err
			}
			known = known || record.Token == token && record.Holder == holder
		}
	}
	switch {
	case silent && (!known || token == 0):
		return failure.New(failure.Unavailable, "no store that answered knows whether %q holds the lease under token %d", holder, token).
			WithHint("see which stores answer: starter plan check --live")
	case !known:
		return failure.New(failure.Unsafe, "no store knows token %d of the lease: nobody took it", token).
			WithHint("see who holds it: starter status")
	}
	return nil
}

// contradicts returns what one record of a store says against holder acting under
// token; first is the lowest token that any store has of the holder.
func contradicts(record LeaseRecord, store, holder string, token, first uint64) error {
	own := record.Holder == holder
	switch {
	case token == 0 && !own && record.Released.IsZero():
		return failure.New(failure.Unsafe, "the run holds no lease, and in store %s token %d is that of %q, who did not give it back", store, record.Token, record.Holder).
			WithHint("end this run and start it again, so that it takes the lease: starter resolve --abort; by hand: starter undo on this host")
	case token == 0:
		return nil
	case record.Token > token:
		return failure.New(failure.Unsafe, "the lease passed on: store %s has token %d of %q, the request has token %d", store, record.Token, record.Holder, token).
			WithHint("see who acts now: starter status; what an older run left is taken back with: starter undo")
	case record.Token == token && !own:
		return failure.New(failure.Unsafe, "in store %s token %d of the lease is that of %q, not of %q", store, token, record.Holder, holder).
			WithHint("see who acts now: starter status")
	case own && !record.Released.IsZero() && !record.Yielded:
		return failure.New(failure.Unsafe, "%q gave the lease back at %s, says store %s: it has ended", holder, record.Released.UTC().Format("2006-01-02T15:04:05Z"), store).
			WithHint("start a new run: starter run; what an ended one left is taken back with: starter undo")
	case !own && first != 0 && first < record.Token && record.Token < token:
		return failure.New(failure.Unsafe, "%q had the lease under token %d, and it passed on to %q, says store %s", holder, first, record.Holder, store).
			WithHint("start a new run: starter run; what an older one left is taken back with: starter undo")
	}
	return nil
}

// firstToken returns the lowest token under which holder may have acted, as far as any
// store knows; 0: none.
func (b Ballot) firstToken(holder string) uint64 {
	var first uint64
	for _, view := range b.Views {
		for _, record := range view.Records {
			if view.Readable && record.Holder == holder && !record.Yielded && (first == 0 || record.Token < first) {
				first = record.Token
			}
		}
	}
	return first
}
