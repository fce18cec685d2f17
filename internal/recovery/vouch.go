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
//   - the same token for somebody else, where the holder cannot have it in a majority of
//     all stores: it lost, or two runs were let go on without one. A rival who lost may
//     have come first in a store, and says nothing; nor does one who was let go on
//     without a majority and gave the lease back, which the other stores did not hear of;
//   - the lease given back, under this token or an earlier one of the holder's, or
//     somebody else's token between two of the holder's: a run takes its lease once,
//     and when that has ended it has no other. Who yielded has not had it yet.
//
// A store that does not answer, or that recorded nothing, says nothing: a person may
// have let the run go on without it. A run without a lease (token 0) is vouched for
// unless a store knows somebody else whose lease was not given back.
//
// Errors: failure.Unsafe where a store says otherwise, or all answered and none knows
// the token; failure.Unavailable where those that answered do not settle it, and others
// could.
func (b Ballot) Vouch(holder string, token uint64) error {
	first := b.firstToken(holder)
	for _, view := range b.Views {
		for _, record := range view.Records {
			if err := contradicts(record, view.Store, holder, token, first); view.Readable && err != nil {
				return err
			}
		}
	}
	votes := b.votes(holder, token)
	known := token == 0 || votes.own > 0
	switch {
	case token != 0 && votes.lost():
		return failure.New(failure.Unsafe, "in store %s token %d of the lease is that of %q, not of %q", votes.where, token, votes.rival, holder).
			WithHint("see who acts now: starter status")
	case token != 0 && votes.rival != "" && !votes.majority(), votes.silent > 0 && (!known || token == 0), len(b.Views) == 0:
		return failure.New(failure.Unavailable, "what stores answered does not show whether %q holds the lease under token %d", holder, token).
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
	case own && !record.Released.IsZero() && !record.Yielded:
		return failure.New(failure.Unsafe, "%q gave the lease back at %s, says store %s: it has ended", holder, record.Released.UTC().Format("2006-01-02T15:04:05Z"), store).
			WithHint("start a new run: starter run; what an ended one left is taken back with: starter undo")
	case !own && first != 0 && first < record.Token && record.Token < token:
		return failure.New(failure.Unsafe, "%q had the lease under token %d, and it passed on to %q, says store %s", holder, first, record.Holder, store).
			WithHint("start a new run: starter run; what an older one left is taken back with: starter undo")
	}
	return nil
}

// votes are what all stores say about who took one token.
type votes struct {
	stores, own, silent int
	rival, where        string // somebody else who has it, and in which store; "": nobody
	others, ended       int    // stores that have it of somebody else, and where that gave it back
}

func (v votes) majority() bool { return v.own > v.stores/2 }

// lost reports whether somebody else has the token, and the holder no majority, whatever
// the silent stores hold.
func (v votes) lost() bool { return v.rival != "" && v.own+v.silent <= v.stores/2 }

func (b Ballot) votes(holder string, token uint64) votes {
	v := votes{stores: len(b.Views)}
	for _, view := range b.Views {
		record, found := view.record(token)
		switch {
		case !view.Readable:
			v.silent++
		case found && record.Holder == holder:
			v.own++
		case found:
			v.rival, v.where = record.Holder, view.Store
			v.others++
			if !record.Released.IsZero() {
				v.ended++
			}
		}
	}
	if v.ended == v.others && v.others <= v.stores/2 {
		v.rival, v.where = "", ""
	}
	return v
}

// firstToken returns the lowest token under which holder may have acted, as far as any
// store knows; 0: none. Under what it yielded, or lost to a rival, it did not.
func (b Ballot) firstToken(holder string) uint64 {
	var first uint64
	for _, view := range b.Views {
		for _, record := range view.Records {
			held := view.Readable && record.Holder == holder && !record.Yielded && !b.votes(holder, record.Token).lost()
			if held && (first == 0 || record.Token < first) {
				first = record.Token
			}
		}
	}
	return first
}
