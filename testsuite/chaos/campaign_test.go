package chaos_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// What a campaign is told by its environment.
const (
	seedVariable   = "HOLDFAST_CHAOS_SEED"   // default 1
	faultsVariable = "HOLDFAST_CHAOS_FAULTS" // default 10
)

// draw is one fault of a campaign: after a calm, for a while.
type draw struct {
	fault
	calm, lasts time.Duration
}

// draws are the campaign of a seed: the same seed draws the same, in this order.
// Every fault comes once before any comes again.
func draws(seed uint64, count int) (list []draw) {
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // chance that can be had again
	all := faults()
	var order []int
	for range count {
		if len(order) == 0 {
			order = random.Perm(len(all))
		}
		list = append(list, draw{
			fault: all[order[0]],
			calm:  time.Duration(200+random.IntN(1800)) * time.Millisecond, lasts: time.Duration(200+random.IntN(2300)) * time.Millisecond,
		})
		order = order[1:]
	}
	return list
}

func number(t *testing.T, variable string, fallback uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return fallback
	}
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("$%s: %v", variable, err)
	}
	return value
}

// campaign is a list of faults that strike one after the other.
type campaign struct {
	b    *bed
	t    *testing.T
	list []draw

	calm sync.Mutex // held while something is broken, and by who must not be struck
	done chan struct{}
	mu   sync.Mutex
	err  error
}

// start lets the faults strike until the last one, or ctx ends. One that cannot be
// made, or not be ended, ends the test: what is broken by the test itself proves nothing.
func (c *campaign) start(ctx context.Context, end context.CancelFunc) {
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		for i, one := range c.list {
			if !sleep(ctx, one.calm) {
				return
			}
			c.calm.Lock()
			err := c.strike(ctx, i, one)
			c.calm.Unlock()
			if err != nil {
				c.mu.Lock()
				c.err = err
				c.mu.Unlock()
				end()
				return
			}
		}
	}()
}

func (c *campaign) strike(ctx context.Context, i int, one draw) error {
	fmt.Fprintf(os.Stderr, "%6.1fs fault %3d/%d %s for %s\n", time.Since(c.b.begun).Seconds(), i+1, len(c.list), one.name, one.lasts)
	heal, err := one.inject(c.b)
	if err == nil {
		sleep(ctx, one.lasts)
		err = heal()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", one.name, err)
	}
	return nil
}

// whole does what no fault may strike at: what is known from outside must be sound.
func (c *campaign) whole(do func()) {
	c.calm.Lock()
	defer c.calm.Unlock()
	do()
}

func (c *campaign) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// tries is how often one thing may fail in a row while faults go on.
const tries = 20

// struck ends the test when a fault could not be made or ended.
func (c *campaign) struck() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	must(c.t, c.err)
}

// persist tries again what a fault made fail, as a person or cron does, once it is
// whole and the database answers.
func (c *campaign) persist(what string, do func() error) {
	c.t.Helper()
	for try := 1; ; try++ {
		err := do()
		if err == nil {
			return
		}
		c.struck()
		c.t.Logf("%5.1fs %s, try %d: %v", time.Since(c.b.begun).Seconds(), what, try, err)
		if try == tries {
			c.t.Fatalf("%s failed %d times: %v", what, try, err)
		}
		c.whole(func() { c.b.serving(c.t) })
	}
}

// TestCampaign plays rounds of back up, write, damage, recover, while faults that
// are drawn from a seed strike at any moment. After each round the truth kept
// outside is compared; the first thing that is not as it should be ends it.
func TestCampaign(t *testing.T) {
	b := shared(t)
	seed, count := number(t, seedVariable, 1), int(number(t, faultsVariable, 10))
	ctx, cancel := context.WithTimeout(t.Context(), limit+time.Duration(count)*15*time.Second)
	defer cancel()
	b.ctx = ctx
	c := &campaign{b: b, t: t, list: draws(seed, count)}
	fmt.Fprintf(os.Stderr, "campaign: seed %d, %d faults\n", seed, count)
	c.start(ctx, cancel)
	rounds := 0
	for ; !c.over() || rounds == 0; rounds++ {
		c.round([]scenario.Kind{scenario.Delete, scenario.Bytes, scenario.Drop}[rounds%3])
		c.struck()
		if t.Failed() {
			t.Fatalf("seed %d broke in round %d", seed, rounds+1)
		}
	}
	b.requireRepaired(t)
	b.requireSound(t)
	told(t, campaigns, fmt.Sprintf("seed %d: %d faults struck during %d rounds of back up, write, damage and recover", seed, count, rounds),
		"after each round: 0 rows acknowledged before the damage gone, one swap, no set lost, nothing left to undo; in the end all WAL in both stores, every set read back")
}

// campaigns is the row of the random campaign.
const campaigns = "faults drawn at random, at any moment"

func (c *campaign) round(kind scenario.Kind) {
	b, t := c.b, c.t
	c.persist("back up", func() error { _, err := b.BackUp(b.ctx); return err })
	must(t, b.write(10))
	c.persist("switch WAL", b.switchWAL)
	var run recovered
	c.whole(func() { run = b.damaged(t, kind) })
	people := &steadfast{bed: b, t: t, whole: func() { c.whole(func() {}) }}
	b.follow(t, people)
	c.whole(func() { run.require(t, b) })
}

// sleep waits and reports whether ctx still lives.
func sleep(ctx context.Context, span time.Duration) bool {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// TestDrawsAreTheSeeds: the same seed gives the same campaign, another one another.
func TestDrawsAreTheSeeds(t *testing.T) {
	told := func(seed uint64) (text string) {
		for _, one := range draws(seed, 100) {
			text += fmt.Sprintln(one.name, one.calm, one.lasts)
		}
		return text
	}
	if first, again := told(7), told(7); first != again || first == told(8) {
		t.Error("a campaign is not its seed's")
	}
}
