package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
	"github.com/terragonlabs/holdfast/testsuite/chaos/network"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack"
	"github.com/terragonlabs/holdfast/testsuite/stack/dataset"
	"github.com/terragonlabs/holdfast/testsuite/stack/relay"
	"github.com/terragonlabs/holdfast/testsuite/stack/traffic"
)

const (
	planFile = "../../deploy/plans/ai-scientist.yaml"
	temporal = "temporal" // the network's name of the workers' way to Temporal
	// notice is how soon a dead worker is missed.
	notice = 2 * time.Second
	// limit of one test: what stands still fails it. On two quiet cores the longest
	// takes a tenth of it.
	limit = 12 * time.Minute
)

// bed is a scenario with proxies before its servers.
type bed struct {
	*scenario.Scenario
	net *network.Network
	ctx context.Context // of the test that uses it

	writers int // applications so far
	begun   time.Time

	relays []*relay.Relay // between workers and the network

	mu       sync.Mutex
	boundary func(relay.Task) // see atBoundaries
}

// shared returns the stack that tests share, protected, backed up and written to.
func shared(t *testing.T) *bed {
	t.Helper()
	standing.Lock()
	defer standing.Unlock()
	if standing.bed == nil {
		standing.bed = open(t, nil)
	}
	b := standing.bed
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	b.ctx = ctx
	t.Cleanup(func() { must(t, b.net.Heal()) })
	b.serving(t)
	return b
}

// open starts a stack for the process's lifetime. Close it.
func open(t *testing.T, change func(*scenario.Options)) *bed {
	t.Helper()
	dir, err := programs()
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	b := &bed{net: network.New(stack.StoreS3, stack.StoreGCS), ctx: ctx, begun: time.Now()}
	options := scenario.Options{
		PlanFile: planFile, BinDir: dir, Size: dataset.Small(), Change: relaxed,
		Told: func(command string) {
			fmt.Fprintf(os.Stderr, "%6.1fs $ %.160s\n", time.Since(b.begun).Seconds(), command)
		},
		Stack: func(o *stack.Options) {
			o.Between, o.PersistGCS = b.net.Between, true
			o.WAL = func(s *settings.Settings) { s.Archive.Timeout = 20 * time.Second }
		},
	}
	if change != nil {
		change(&options)
	}
	b.Scenario, err = scenario.Open(ctx, options)
	must(t, err)
	if err := b.protect(); err != nil {
		logs, closing := b.CloseKeepingLogs()
		t.Fatalf("%v (logs: %s, %v)", err, logs, closing)
	}
	return b
}

// relaxed shortens what a test would wait for, and leaves objects unlocked, so
// that a test can take them away.
func relaxed(p *plan.Plan) {
	for i := range p.Runbooks {
		p.Runbooks[i].NoticeDeadWorker = plan.Duration(notice)
	}
	for i := range p.Stores {
		p.Stores[i].Lock = plan.Lock{}
	}
}

// protect puts the network before the workers' Temporal and has everything run.
func (b *bed) protect() error {
	way, err := b.net.Between(temporal, b.Temporal.Address)
	if err != nil {
		return err
	}
	for _, name := range []string{"control", "keys", b.Primary.Host, b.Replica.Host, b.Stack.Database().Endpoint.Host} {
		between, err := relay.Start(b.ctx, relay.Options{Temporal: way, Ended: b.ended})
		if err != nil {
			return err
		}
		b.relays, b.Temporal.Via[name] = append(b.relays, between), between.Address
	}
	for _, step := range []func(context.Context) error{b.Load, b.Protect, func(ctx context.Context) error { _, err := b.BackUp(ctx); return err }} {
		if err := step(b.ctx); err != nil {
			return err
		}
	}
	return b.write(20)
}

// write has an application of its own write on and returns once count rows more
// were acknowledged.
func (b *bed) write(count int) error {
	if b.Application == nil {
		b.writers++
		role := b.Stack.Database().Roles[0].Name
		url := b.Pooler.URL(b.Pooler.Writer, role, b.Passwords[role])
		b.Application = traffic.Start(fmt.Sprintf("application-%d", b.writers), url, 50*time.Millisecond)
	}
	return b.Application.AwaitMore(b.ctx, count)
}

// anew ends the application; the next write begins another one, whose rows are
// judged by themselves.
func (b *bed) anew() {
	if b.Application != nil {
		b.Application.Stop()
		b.Application = nil
	}
}

// atBoundaries has strike called with each step whose end a worker is about to
// report, which waits meanwhile; nil: nobody.
func (b *bed) atBoundaries(strike func(relay.Task)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.boundary = strike
}

// ended lets every report pass, once it has been told of.
func (b *bed) ended(task relay.Task) bool {
	b.mu.Lock()
	strike := b.boundary
	b.mu.Unlock()
	if strike != nil {
		strike(task)
	}
	return true
}

func (b *bed) close(keepLogs bool) (err error) {
	defer b.net.Close()
	for _, between := range b.relays {
		err = errors.Join(err, between.Close())
	}
	if !keepLogs {
		return errors.Join(err, b.Close())
	}
	logs, closing := b.CloseKeepingLogs()
	fmt.Fprintf(os.Stderr, "logs: %s\n", logs)
	return errors.Join(err, closing)
}

// serving waits until the server at the service's port answers: one of which a
// process was killed recovers first, and resets who connects meanwhile.
func (b *bed) serving(t *testing.T) {
	t.Helper()
	must(t, b.await("PostgreSQL to answer", func() (bool, error) {
		err := b.answers()
		return err == nil, err
	}))
}

// answers looks that the server at the service's port answers, fenced or not.
func (b *bed) answers() error { return b.Primary.Exec(b.ctx, "postgres", "SELECT 1") }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await polls until done says so, or the test's time ends.
func (b *bed) await(what string, done func() (bool, error)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok && err == nil {
			return nil
		}
		select {
		case <-b.ctx.Done():
			return errors.Join(fmt.Errorf("waited for %s: %w", what, b.ctx.Err()), err)
		case <-tick.C:
		}
	}
}
