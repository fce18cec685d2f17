package guard_test

import (
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/warrant"
	"github.com/terragonlabs/holdfast/internal/warrant/guard"
	"github.com/terragonlabs/holdfast/internal/warrant/warranttest"
)

// bench is one host, and a run whose incident ann declared.
type bench struct {
	t      *testing.T
	guard  guard.Guard
	story  warranttest.Story
	stores *stores
}

// stores is what two stores recorded about leases, by service; silent, they do not
// answer.
type stores struct {
	records map[string][]recovery.LeaseRecord
	silent  bool
}

func (s *stores) views(_ context.Context, service string) []recovery.LeaseView {
	var views []recovery.LeaseView
	for _, name := range []string{"one", "two"} {
		views = append(views, recovery.LeaseView{Store: name, Readable: !s.silent, Records: s.records[service]})
	}
	return views
}

// take records that a run took the lease.
func (s *stores) take(service, run string, token uint64) {
	s.records[service] = append(s.records[service], recovery.LeaseRecord{Token: token, Holder: run})
}

func newBench(t *testing.T) *bench {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
	require.NoError(t, err)
	p, _, err := plan.Load("../../plan/testdata/second.yaml")
	require.NoError(t, err)
	p.Team = plan.Team{
		People: []plan.Person{{ID: "ann", Keys: []string{string(ssh.MarshalAuthorizedKey(signer.PublicKey()))}}},
		Roles:  []plan.Role{{Name: "commander", Primary: "ann"}},
	}
	p.Authority = map[plan.Message][]string{plan.Declare: {"commander"}, plan.Commit: {"commander"}}
	s := &stores{records: map[string][]recovery.LeaseRecord{}}
	s.take("house", "recover/house/run-1", 7)
	return &bench{t: t, guard: guard.Guard{Plan: p, Dir: t.TempDir(), Leases: s.views}, stores: s, story: warranttest.Story{
		Plan: p, Signer: func(string) ssh.Signer { return signer }, Run: "recover/house/run-1", Token: 7,
		Incident: "INC-1", Target: "db1", Declarer: "ann", Issued: time.Now(),
	}}
}

func (b *bench) need() warrant.Need {
	return warrant.Need{Run: b.story.Run, Service: "house", Database: "ledger", Target: "db1"}
}

// admit asks for what the story allows and ends it at once.
func (b *bench) admit(change func(*warrant.Need)) error {
	b.t.Helper()
	need := b.need()
	if change != nil {
		change(&need)
	}
	w := b.story.Warrant(b.t)
	release, err := b.guard.Admit(b.t.Context(), &w, need)
	if err == nil {
		release()
	}
	return err
}

func (b *bench) as(run string, token uint64) *bench {
	other := *b
	other.story.Run, other.story.Token = run, token
	return &other
}

func requireClass(t *testing.T, class failure.Class, err error) {
	t.Helper()
	require.Equal(t, class, failure.ClassOf(err), "%v", err)
	require.NotEmpty(t, failure.HintOf(err), "%v", err)
}

// TestOlderLeaseIsRefused: what a host has seen only grows, for runs and for people,
// and outlives the process.
func TestOlderLeaseIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, b.admit(nil))
	require.NoError(t, b.admit(nil), "twice is the same run")
	next := b.as("recover/house/run-2", 8)
	b.stores.take("house", "recover/house/run-2", 8)
	require.NoError(t, next.admit(nil))
	requireClass(t, failure.Unsafe, b.admit(nil))
	requireClass(t, failure.Unsafe, b.admit(func(n *warrant.Need) { n.Undo = true }))
	requireClass(t, failure.Unsafe, b.as("recover/house/run-3", 8).admit(nil))
	bare := b.as("recover/house/run-2", 0).admit(nil)
	requireClass(t, failure.Unsafe, bare)
	require.ErrorContains(t, bare, "holds no lease")

	hand := func(token uint64) error {
		release, err := b.guard.Admit(guard.ByHand(t.Context(), "undo by hand", token), nil, b.need())
		if err == nil {
			release()
		}
		return err
	}
	requireClass(t, failure.Unsafe, hand(7))
	requireClass(t, failure.Unsafe, hand(8))
	require.NoError(t, hand(9), "no signature is asked of who is on the host")
	requireClass(t, failure.Unsafe, next.admit(nil))
	b.stores.take("shed", "recover/house/run-1", 1)
	require.NoError(t, b.as("recover/house/run-1", 1).admit(func(n *warrant.Need) { n.Service = "shed" }), "services are apart")
}

// TestExpiredUnlessSeenBefore: an approval that a host accepted stays good for that
// lease; one that it sees too late does not, but an undo always may.
func TestExpiredUnlessSeenBefore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.story.Issued = time.Now().Add(-time.Hour - time.Second) // it was valid for an hour
	requireClass(t, failure.Refused, b.admit(nil))
	require.NoError(t, b.admit(func(n *warrant.Need) { n.Undo = true }))
	require.NoError(t, b.admit(nil), "what was accepted stays accepted")

	other := newBench(t)
	other.story.Issued = time.Now().Add(-time.Hour + 2*time.Second)
	require.NoError(t, other.admit(nil))
	require.Eventually(t, func() bool { return time.Since(other.story.Issued) > time.Hour+time.Second }, 10*time.Second, 100*time.Millisecond)
	require.NoError(t, other.admit(nil), "a step is tried again after a while")
	requireClass(t, failure.Refused, other.as("recover/house/run-1", 8).admit(nil))
}

func TestWhoHoldsTheLeaseMustAsk(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := b.story.Warrant(t)
	w.Holder = "recover/house/run-2"
	_, err := b.guard.Admit(t.Context(), &w, b.need())
	require.Equal(t, failure.IdentityMismatch, failure.ClassOf(err))
	_, err = b.guard.Admit(t.Context(), nil, b.need())
	requireClass(t, failure.Forbidden, err)
}

// TestOneAtATime: the second waits for the first, and is told when it takes too long.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := b.story.Warrant(t)
	release, err := b.guard.Admit(t.Context(), &w, b.need())
	require.NoError(t, err)
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = b.guard.Admit(short, &w, b.need())
	require.Equal(t, failure.Unavailable, failure.ClassOf(err))

	var second atomic.Bool
	done := make(chan error, 1)
	go func() {
		again, err := b.guard.Admit(t.Context(), &w, b.need())
		second.Store(true)
		if err == nil {
			again()
		}
		done <- err
	}()
	require.Never(t, second.Load, 300*time.Millisecond, 50*time.Millisecond)
	release()
	require.NoError(t, <-done)
}

// TestDamagedMemoryIsNoMemory: a host that forgot would obey an old lease again.
func TestDamagedMemoryIsNoMemory(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, b.admit(nil))
	require.NoError(t, os.WriteFile(filepath.Join(b.guard.Dir, "lease", "house.json"), []byte(`{"token": 7`), 0o600))
	require.Equal(t, failure.Corrupt, failure.ClassOf(b.admit(nil)))
}
