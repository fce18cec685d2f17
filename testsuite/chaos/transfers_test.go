//go:build chaos

package chaos_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/testsuite/chaos/network"
	"github.com/terragonlabs/holdfast/testsuite/stack"
)

// moment is how long a fault in the middle of a transfer lasts: within what a
// client of a store tries again.
const moment = 600 * time.Millisecond

// trigger breaks things when the first request of a kind is on its way: it, and
// what else is under way then, is the middle of a transfer.
type trigger struct {
	b     *bed
	t     *testing.T
	kinds []kind
	heal  sync.WaitGroup
}

// kind is a kind of request and what strikes when it is first seen.
type kind struct {
	name   string
	method string // prefix: GET, or P for PUT and POST
	words  []string
	not    string // a word it does not hold
	faults []fault

	once *sync.Once
	met  *bool
}

// arm watches both stores. disarm waits until all is whole again.
func (b *bed) arm(t *testing.T, kinds ...kind) (tr *trigger, disarm func()) {
	t.Helper()
	tr = &trigger{b: b, t: t}
	for _, k := range kinds {
		k.once, k.met = new(sync.Once), new(bool)
		tr.kinds = append(tr.kinds, k)
	}
	for _, server := range []string{stack.StoreS3, stack.StoreGCS} {
		must(t, b.net.Way(server).Watch(tr.request))
	}
	return tr, func() {
		for _, server := range []string{stack.StoreS3, stack.StoreGCS} {
			must(t, b.net.Way(server).Watch(nil))
		}
		tr.heal.Wait()
		for _, k := range tr.kinds {
			k.once.Do(func() { t.Errorf("no request was %s: nothing was broken", k.name) })
		}
	}
}

func (tr *trigger) request(request network.Request) {
	for _, k := range tr.kinds {
		if k.matches(request) {
			k.once.Do(func() { tr.strike(k) })
		}
	}
}

func (k kind) matches(request network.Request) bool {
	target := strings.ReplaceAll(request.Target, "%2F", "/")
	for _, word := range k.words {
		if !strings.Contains(target, word) {
			return false
		}
	}
	return strings.HasPrefix(request.Method, k.method) && (k.not == "" || !strings.Contains(target, k.not))
}

func (tr *trigger) strike(k kind) {
	for _, one := range k.faults {
		heal, err := one.inject(tr.b)
		if err != nil {
			tr.t.Errorf("%s: %v", one.name, err)
			continue
		}
		tr.heal.Add(1)
		time.AfterFunc(moment, func() {
			defer tr.heal.Done()
			if err := heal(); err != nil {
				tr.t.Errorf("heal %s: %v", one.name, err)
			}
		})
	}
}

// pairs are faults that strike the two stores at the same time, so that all are
// had in half as many rounds: another one at each. Where no table is written, as in
// make test, every third pair has to do.
func pairs() (all [][]fault) {
	first, second := storeFaults(stack.StoreS3), storeFaults(stack.StoreGCS)
	step := 1
	if os.Getenv(rowsVariable) == "" {
		step = 3
	}
	for i := 0; i < len(first); i += step {
		all = append(all, []fault{first[i], second[(i+3)%len(second)]})
	}
	return all
}

// TestStoresFailWhileABackupIsMade: in the middle of the first part, and again
// while the WAL that the set needs is pushed. The set is made, in both stores.
func TestStoresFailWhileABackupIsMade(t *testing.T) {
	b := shared(t)
	all := pairs()
	for i, pair := range all {
		_, disarm := b.arm(t,
			kind{name: "the write of a part", method: "P", words: []string{"/parts/"}, faults: pair},
			kind{name: "the write of a segment", method: "P", words: []string{"/wal/", "000000"}, not: "/tail/", faults: all[(i+5)%len(all)]})
		began := time.Now()
		made, err := b.BackUp(b.ctx)
		disarm()
		must(t, err)
		if len(made.Set.Stores) != len(b.Plan.Stores) {
			t.Errorf("%s and %s: the set is in %v", pair[0].name, pair[1].name, made.Set.Stores)
		}
		t.Logf("%s and %s: set %s after %s", pair[0].name, pair[1].name, made.Set.ID, time.Since(began).Round(time.Millisecond))
		must(t, b.write(2))
	}
	b.requireSound(t)
	b.requireRepaired(t)
	for _, pair := range all {
		for _, one := range pair {
			told(t, one.name, fmt.Sprintf("for %s in the middle of a part, and again while WAL is pushed: tried again, the set is made", moment),
				"the set is in both stores, every byte read back; all WAL is in both, the spool empty")
		}
	}
}

// TestStoresFailWhileASetIsRestored: in the middle of the first part. The restored
// files pass pg_verifybackup. Where neither store gives a part the restore ends as
// Unavailable, and does when it is run again.
func TestStoresFailWhileASetIsRestored(t *testing.T) {
	b := shared(t)
	for _, pair := range pairs() {
		_, disarm := b.arm(t, kind{name: "the read of a part", method: "GET", words: []string{"/parts/"}, faults: pair})
		out, err := b.restore(t)
		disarm()
		if refused, ok := isRefusal(err); ok && refused.Class == failure.Unavailable {
			t.Logf("%s and %s: %v", pair[0].name, pair[1].name, err)
			out, err = b.restore(t)
		}
		if err != nil {
			t.Errorf("%s and %s: %v", pair[0].name, pair[1].name, err)
		} else if out.Judged == "" {
			t.Errorf("%s and %s: PostgreSQL has not judged the files: %+v", pair[0].name, pair[1].name, out)
		}
		for _, one := range pair {
			told(t, one.name, fmt.Sprintf("for %s in the middle of a restore, with another fault at the other store: tried again, or taken from there", moment), "PostgreSQL's own judge: "+out.Judged)
		}
	}
}

// TestStoresFailWhileWALIsFetched: at every few segments of a replay something
// else breaks. Everything that was acknowledged is there.
func TestStoresFailWhileWALIsFetched(t *testing.T) {
	b := shared(t)
	for range 6 {
		must(t, b.write(2))
		must(t, b.switchWAL())
	}
	last, _ := b.Application.Last()
	must(t, b.await("the tail to hold the newest row", b.shipped))
	for _, pair := range pairs()[:3] {
		_, disarm := b.arm(t, kind{name: "the read of a segment", method: "GET", words: []string{"/wal/", "000000"}, faults: pair})
		out, err := b.restore(t, "--latest")
		disarm()
		must(t, err)
		if out.Reached == nil || out.Reached.LastCommitTime.Before(last.At.Add(-time.Second)) {
			t.Errorf("%s and %s: reached %+v, the newest row is of %s", pair[0].name, pair[1].name, out.Reached, last.At)
		}
	}
}
