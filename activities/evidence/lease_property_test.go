package evidence_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// TestLeaseHasOneHolderInEveryOrder: however calls of several actors interleave, however
// late they are and whatever answers are lost, no two of them hold the lease at once, no
// token is granted twice, and whoever saw their lease pass on holds it no more. In the
// end, when all are silent, the next one gets it under a higher token.
func TestLeaseHasOneHolderInEveryOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawLeaseWorld(t)
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			w.wait()
			w.act()
		}
		w.end()
	})
}

// act lets one actor who is not at it already ask for, renew or give back the lease.
func (w *leaseWorld) act() {
	a := w.actors[w.one("actor")*2+w.one("of two")]
	if a.busy {
		return
	}
	a.busy = true
	w.depth++
	for _, l := range a.lines {
		l.deaf = w.toss("hears of no release", 2)
	}
	switch {
	case a.lease.Token == 0 || w.toss("acquires again", 4):
		w.acquire(a)
	case w.toss("gives back", 3):
		w.release(a)
	default:
		w.renew(a)
	}
	w.depth--
	a.busy = false
}

func (w *leaseWorld) one(of string) int {
	if w.toss(of, 1) {
		return 1
	}
	return 0
}

func (w *leaseWorld) acquire(a *actor) {
	highest := w.highest
	in := stored.AcquireIn{Service: "db", Holder: a.name, TTL: leaseTTL}
	if w.toss("a host obeyed what no store says", 3) {
		in.Obeyed = w.highest + uint64(w.one("a higher token"))
	}
	lease, err := a.activities().AcquireLease(w.t.Context(), in)
	if err != nil {
		w.refused(err, failure.Refused, failure.Unavailable, failure.Unsafe)
		a.lease, a.granted = stored.Lease{}, false // whoever asks has nothing to act under until the answer
		return
	}
	if lease.Token != a.lease.Token {
		a.renewed = 0
	}
	w.grant(a, lease, highest)
}

func (w *leaseWorld) renew(a *actor) {
	highest := w.highest
	a.renewed++
	lease, err := a.activities().RenewLease(w.t.Context(), stored.RenewIn{Lease: a.lease, Number: a.renewed})
	if err == nil {
		w.grant(a, lease, highest)
		return
	}
	w.refused(err, failure.Refused, failure.Unavailable, failure.Unsafe)
	if classOf(err) == failure.Unsafe {
		a.granted = false
	}
}

func (w *leaseWorld) release(a *actor) {
	a.granted = false // whoever gives it back acts no more
	if _, err := a.activities().ReleaseLease(w.t.Context(), a.lease); err != nil {
		w.refused(err, failure.Unavailable)
	}
	a.lease = stored.Lease{}
}

func (w *leaseWorld) refused(err error, classes ...failure.Class) {
	for _, class := range classes {
		if classOf(err) == class {
			return
		}
	}
	w.t.Fatalf("refused as %s: %v", classOf(err), err)
}

// grant notes what the answer promised, and holds it against all that was promised.
// highest is the highest token that had been granted when a began to ask.
func (w *leaseWorld) grant(a *actor, lease stored.Lease, highest uint64) {
	if lease.Token < highest {
		w.t.Fatalf("%s asked after token %d had been granted, and was granted %d", a.name, highest, lease.Token)
	}
	w.highest = max(w.highest, lease.Token)
	a.lease, a.granted, a.until = lease, true, nil
	for _, view := range stored.Survey(w.t.Context(), w.bare(), "db") {
		var until time.Time
		for _, r := range view.Records {
			if r.Token == lease.Token && r.Holder == a.name && r.Released.IsZero() {
				until = r.Expires
			}
		}
		a.until = append(a.until, until)
	}
	for _, other := range w.actors {
		switch {
		case other == a || !other.granted:
		case other.lease.Token == lease.Token:
			w.t.Fatalf("token %d was granted to %s and to %s", lease.Token, other.name, a.name)
		case w.holds(other) && w.holds(a):
			w.t.Fatalf("%s holds the lease under token %d, and %s was granted it under %d", other.name, other.lease.Token, a.name, lease.Token)
		}
	}
}

// holds reports whether what the actor was promised still lasts in a majority of the
// stores, each by its own clock.
func (w *leaseWorld) holds(a *actor) bool {
	votes := 0
	for i, until := range a.until {
		if w.now.Add(w.offsets[i]).Before(until) {
			votes++
		}
	}
	return a.granted && votes > len(w.stores)/2
}

// bare are the stores as they are, without lines that break.
func (w *leaseWorld) bare() []store.Store {
	var all []store.Store
	for _, s := range w.stores {
		all = append(all, s)
	}
	return all
}

// end waits until every lease ran out and the stores answer.
func (w *leaseWorld) end() {
	w.now, w.calm = w.now.Add(leaseTTL+time.Second), true
	last := &stored.Activities{Stores: w.bare()}
	lease, err := last.AcquireLease(w.t.Context(), stored.AcquireIn{Service: "db", Holder: "last", TTL: leaseTTL})
	if err != nil {
		w.t.Fatalf("nobody holds the lease, and it is not granted: %v", err)
	}
	for _, a := range w.actors {
		if a.lease.Token >= lease.Token {
			w.t.Fatalf("token %d was granted after %d", lease.Token, a.lease.Token)
		}
		if a.lease.Token == 0 {
			continue
		}
		_, err := a.activities().RenewLease(w.t.Context(), stored.RenewIn{Lease: a.lease, Number: a.renewed + 1})
		if err == nil {
			w.t.Fatalf("%s renewed token %d after token %d was granted", a.name, a.lease.Token, lease.Token)
		}
	}
}
