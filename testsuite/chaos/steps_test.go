//go:build chaos

package chaos_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack/relay"
)

// lasts is how long a fault at a boundary goes on: longer than a worker is missed
// for would kill every step, and this is the walk through all of them.
const lasts = 400 * time.Millisecond

// striker has a fault strike at the end of each step, one after the other: the
// report of the step, what follows from it and the beginning of the next step all
// meet it.
type striker struct {
	b      *bed
	t      *testing.T
	faults []fault

	broken sync.Mutex // held while something is
	mu     sync.Mutex
	next   int
	struck map[string]string // fault by step
	hit    map[string][]string
}

// strike breaks something, unless this step has been struck. It waits for what is
// broken to be whole.
func (s *striker) strike(task relay.Task) {
	step := task.ID
	unnamed := strings.Trim(step, "0123456789") == "" // what keeps the run's own record
	if unnamed {
		step = task.Type + " " + task.ID
	}
	s.mu.Lock()
	if s.struck[step] != "" || unnamed && s.next >= len(s.faults) {
		s.mu.Unlock()
		return
	}
	one := s.faults[s.next%len(s.faults)]
	s.next++
	s.struck[step] = one.name
	s.hit[one.name] = append(s.hit[one.name], step)
	s.mu.Unlock()

	s.broken.Lock()
	heal, err := one.inject(s.b)
	if err != nil {
		s.t.Errorf("%s at %s: %v", one.name, step, err)
	}
	s.t.Logf("%5.1fs %s at the end of %s", time.Since(s.b.begun).Seconds(), one.name, step)
	time.AfterFunc(lasts, func() {
		defer s.broken.Unlock()
		if err := heal(); err != nil {
			s.t.Errorf("heal %s: %v", one.name, err)
		}
	})
}

// whole waits until nothing is broken.
func (s *striker) whole() {
	s.broken.Lock()
	defer s.broken.Unlock()
}

// byRarity is every fault, those of stores last: they have tests of their own, and a
// run has fewer steps than there are faults.
func byRarity() []fault {
	all := faults()
	slices.SortStableFunc(all, func(a, b fault) int {
		return strings.Compare(strconv.FormatBool(strings.HasPrefix(a.name, "store ")), strconv.FormatBool(strings.HasPrefix(b.name, "store ")))
	})
	return all
}

// TestAFaultAtEveryStep: at the end of each step something else breaks for a
// moment, and the recovery ends as it would have.
func TestAFaultAtEveryStep(t *testing.T) {
	b := shared(t)
	s := &striker{b: b, t: t, faults: byRarity(), struck: map[string]string{}, hit: map[string][]string{}}
	b.atBoundaries(s.strike)
	defer b.atBoundaries(nil)
	run := b.damaged(t, scenario.Delete)
	people := &steadfast{bed: b, t: t, whole: s.whole}
	b.follow(t, people)
	b.atBoundaries(nil)
	s.whole()
	result, _ := run.require(t, b)
	if len(s.struck) < 30 {
		t.Errorf("%d steps were struck", len(s.struck))
	}
	for _, one := range s.faults {
		steps := s.hit[one.name]
		if len(steps) == 0 {
			if !strings.HasPrefix(one.name, "store ") {
				t.Errorf("%s never struck", one.name)
			}
			continue
		}
		told(t, one.name, fmt.Sprintf("for %s at the end of %s: the recovery went on (%s)", lasts, strings.Join(steps, ", "), brief(result, people)),
			"0 rows acknowledged before the damage are gone, one swap, nothing left to undo")
	}
}
