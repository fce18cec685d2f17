package recovery_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

func record(token uint64, holder string, expires float64) recovery.LeaseRecord {
	return recovery.LeaseRecord{Token: token, Holder: holder, Acquired: at(0), Expires: at(expires)}
}

func view(store string, now float64, records ...recovery.LeaseRecord) recovery.LeaseView {
	return recovery.LeaseView{Store: store, Readable: true, Now: at(now), Records: records}
}

func silent(store string) recovery.LeaseView { return recovery.LeaseView{Store: store} }

func TestLeaseState(t *testing.T) {
	t.Parallel()
	released := record(3, "ann", 9)
	released.Released = at(1)
	cases := map[string]struct {
		ballot recovery.Ballot
		holder string
		next   uint64
		free   bool
	}{
		"nobody yet":                  {recovery.Ballot{Views: []recovery.LeaseView{view("s3", 0), view("gcs", 0)}}, "", 1, true},
		"held in both":                {recovery.Ballot{Views: []recovery.LeaseView{view("s3", 1, record(3, "ann", 9)), view("gcs", 1, record(3, "ann", 9))}}, "ann", 4, false},
		"being taken":                 {recovery.Ballot{Views: []recovery.LeaseView{view("s3", 1, record(3, "ann", 9)), view("gcs", 1)}}, "", 4, false},
		"split: nobody can win":       {recovery.Ballot{Views: []recovery.LeaseView{view("s3", 1, record(3, "ann", 9)), view("gcs", 1, record(3, "bob", 9))}}, "", 4, true},
		"expired by the store's time": {recovery.Ballot{Views: []recovery.LeaseView{view("s3", 9, record(3, "ann", 9)), view("gcs", 10, record(3, "ann", 9))}}, "", 4, true},
		"released":                    {recovery.Ballot{Views: []recovery.LeaseView{view("s3", 1, released), view("gcs", 1, released)}}, "", 4, true},
		"two of three":                {recovery.Ballot{Views: []recovery.LeaseView{view("a", 1, record(3, "ann", 9)), view("b", 1, record(3, "ann", 9)), silent("c")}}, "ann", 4, false},
		"one seen, one silent":        {recovery.Ballot{Views: []recovery.LeaseView{view("a", 1, record(3, "ann", 9)), view("b", 1, record(3, "bob", 9)), silent("c")}}, "", 4, false},
		"a store declared lost":       {recovery.Ballot{Views: []recovery.LeaseView{view("s3", 1, record(3, "ann", 9)), silent("gcs")}, Lost: []string{"gcs"}}, "ann", 4, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := c.ballot.State()
			if err != nil || got.Holder != c.holder || got.NextToken != c.next || got.Free != c.free {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	_, err := recovery.Ballot{Views: []recovery.LeaseView{view("s3", 1), silent("gcs")}}.State()
	expect(t, err, failure.Unavailable, "1 of 2 stores answered, 2 are needed to know who holds the lease: none came from gcs")
	_, err = recovery.Ballot{Views: []recovery.LeaseView{view("s3", 1, record(math.MaxUint64, "eve", 9))}}.State()
	expect(t, err, failure.Corrupt, "there is none after it")
}

func TestLeaseMayAct(t *testing.T) {
	t.Parallel()
	both := func(records ...recovery.LeaseRecord) recovery.Ballot {
		return recovery.Ballot{Views: []recovery.LeaseView{view("s3", 1, records...), view("gcs", 1, records...)}}
	}
	if err := both(record(3, "ann", 9)).MayAct("ann", 3, time.Minute); err != nil {
		t.Error(err)
	}
	expect(t, both(record(3, "ann", 9)).MayAct("bob", 3, 0), failure.Unsafe, "live in 0 stores")
	expect(t, both(record(3, "ann", 9)).MayAct("ann", 3, 8*time.Minute), failure.Unsafe, "live in 0 stores")
	expect(t, both(record(3, "ann", 9), record(4, "bob", 2)).MayAct("ann", 3, 0), failure.Unsafe, "the lease passed on")
	expect(t, both(record(3, "ann", 9)).MayAct("", 3, 0), failure.InvalidInput, "holder and token")
}

// leaseWorld plays hosts that follow the rule against stores that accept one
// record per token, answer at random and have clocks of their own.
type leaseWorld struct {
	stores []recovery.LeaseView
	offset []time.Duration
	now    time.Time
	tokens map[string]uint64
}

func (w *leaseWorld) look(t *rapid.T) recovery.Ballot {
	var ballot recovery.Ballot
	for i, store := range w.stores {
		store.Readable = rapid.IntRange(0, 4).Draw(t, "answers") > 0
		store.Now = w.now.Add(w.offset[i])
		store.Records = slices.Clone(store.Records)
		ballot.Views = append(ballot.Views, store)
	}
	return ballot
}

// take follows the rule: look, and if free put the next token where stores answer.
func (w *leaseWorld) take(t *rapid.T, host string) {
	state, err := w.look(t).State()
	if err != nil || !state.Free {
		return
	}
	token := state.Above(rapid.Uint64Range(0, 40).Draw(t, "obeyed by a host"))
	w.tokens[host] = token
	for i := range w.stores {
		taken := slices.ContainsFunc(w.stores[i].Records, func(r recovery.LeaseRecord) bool { return r.Token == token })
		if !taken && rapid.IntRange(0, 4).Draw(t, "put reaches the store") > 0 {
			now := w.now.Add(w.offset[i])
			w.stores[i].Records = append(w.stores[i].Records, recovery.LeaseRecord{Token: token, Holder: host, Acquired: now, Expires: now.Add(time.Minute)})
		}
	}
}

func TestTokenAboveWhatHostsObeyed(t *testing.T) {
	t.Parallel()
	for obeyed, want := range map[uint64]uint64{
		0: 5, 4: 5, 5: 6, 9: 10, 5 + 1<<20 - 1: 5 + 1<<20, 5 + 1<<20: 5, math.MaxUint64 - 1: 5, math.MaxUint64: 5,
	} {
		if got := (recovery.LeaseState{NextToken: 5}).Above(obeyed); got != want {
			t.Errorf("a host obeyed %d: %d, want %d", obeyed, got, want)
		}
	}
	if got := (recovery.LeaseState{NextToken: math.MaxUint64}).Above(math.MaxUint64); got != math.MaxUint64 {
		t.Errorf("behind the last token comes %d", got)
	}
}

func TestLeaseHasOneHolder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := leaseWorld{now: epoch, tokens: map[string]uint64{}}
		for i := range rapid.IntRange(2, 5).Draw(t, "stores") {
			w.stores = append(w.stores, recovery.LeaseView{Store: fmt.Sprint(i)})
			w.offset = append(w.offset, time.Duration(rapid.IntRange(-300, 300).Draw(t, "clock"))*time.Second)
		}
		hosts := []string{"ann", "bob", "cid"}
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			w.now = w.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			w.take(t, rapid.SampledFrom(hosts).Draw(t, "host"))
			acting := 0
			for _, host := range hosts {
				if token := w.tokens[host]; token > 0 && w.look(t).MayAct(host, token, 0) == nil {
					acting++
				}
			}
			if acting > 1 {
				t.Fatalf("%d hosts may act at once: %+v", acting, w.stores)
			}
		}
	})
}
