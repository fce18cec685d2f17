package guard

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/warrant"
)

// patience is how long a request waits for one that is at work. The activity it
// belongs to is tried again, so this only has to outlast a handover.
const patience = 30 * time.Second

// Guard admits what may be done on one host.
type Guard struct {
	Plan *plan.Plan // the host's own copy, by which messages are judged
	Dir  string     // the host's state directory
	// Leases reads what each store recorded about the lease on a service; nil: this
	// host has no stores to ask, and believes no token.
	Leases func(ctx context.Context, service string) []recovery.LeaseView
}

// hand is the key under which a context says that a person acts.
type hand struct{}

// ByHand marks ctx as work that a person does on this host without any run, under a
// lease of their own: signatures are not asked for, and the token is. Nor are the
// stores asked again, which gave that lease to this process. It cannot be said over
// the network.
func ByHand(ctx context.Context, holder string, token uint64) context.Context {
	return context.WithValue(ctx, hand{}, warrant.Warrant{Holder: holder, Token: token})
}

// Admit lets what is needed begin, or says why not. release must be called when it
// has ended. Asked twice for the same, the second waits for the first.
//
// Errors are those of warrant.Verify; failure.Refused for messages that expired
// before this host saw them; failure.Unsafe for a lease that passed on, that ended or
// that nobody took, and for a run that was committed here; failure.Unavailable while
// something else is at work on the service, or no store knows whose the lease is.
func (g Guard) Admit(ctx context.Context, w *warrant.Warrant, need warrant.Need) (release func(), err error) {
	if need.Service == "" || !filepath.IsAbs(g.Dir) {
		return nil, failure.New(failure.Internal, "a guard needs a service and an absolute directory, not %q and %q", need.Service, g.Dir)
	}
	unlock, err := g.lock(ctx, need.Service)
	if err != nil {
		return nil, err
	}
	if err := g.admit(ctx, w, need); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// admit judges under the lock.
func (g Guard) admit(ctx context.Context, w *warrant.Warrant, need warrant.Need) error {
	known, err := g.read(need.Service)
	if err != nil {
		return err
	}
	if err := g.requireOpen(need); err != nil {
		return err
	}
	if byHand, ok := ctx.Value(hand{}).(warrant.Warrant); ok {
		if err := g.inOrder(known, byHand, need.Service); err != nil {
			return err
		}
		return g.advance(known, byHand, need.Service, nil)
	}
	verdict, err := warrant.Verify(w, g.Plan, need, time.Now())
	if err != nil {
		return err
	}
	if !need.Undo && !time.Now().Before(verdict.Expires) && !known.accepted(*w, verdict.Proofs) {
		return failure.New(failure.Refused, "what people signed for run %q expired at %s, and this host did not see it before", need.Run, verdict.Expires.Format(time.RFC3339)).
			WithHint("starter resolve --abort, start the run again, and sign for longer: --valid-for 4h")
	}
	if err := g.inOrder(known, *w, need.Service); err != nil {
		return err
	}
	if err := g.vouched(ctx, known, *w, need); err != nil {
		return err
	}
	return g.advance(known, *w, need.Service, verdict.Proofs)
}

// vouched asks the stores whose the lease is: the token in a request is a number that
// nobody signed. It is asked each time, since a lease may pass on between two steps.
//
// Where they do not know (recovery.Ballot.Vouch), two requests go on all the same. An
// undo of the very lease that this host acted under last: they vouched for it then, and
// what was begun must not stay half done for want of a store. And a run that has no
// lease because no store took it, which a person let go on without.
func (g Guard) vouched(ctx context.Context, known memory, w warrant.Warrant, need warrant.Need) error {
	var ballot recovery.Ballot
	if g.Leases != nil {
		ballot.Views = g.Leases(ctx, need.Service)
	}
	err := ballot.Vouch(w.Holder, w.Token)
	same := w.Token == known.Token && w.Holder == known.Holder
	if failure.Is(err, failure.Unavailable) && (w.Token == 0 || need.Undo && same) {
		return nil
	}
	return failure.Wrap(failure.ClassOf(err), err, "ask the stores about the lease on %s", need.Service)
}

// inOrder refuses a token that is older than what this host acted under.
func (g Guard) inOrder(known memory, w warrant.Warrant, service string) error {
	switch {
	case w.Token == 0 && known.Token > 0:
		return failure.New(failure.Unsafe, "the run holds no lease on %s, and this host acted under token %d of %q: nothing shows that nobody else acts", service, known.Token, known.Holder).
			WithHint("find out why no store took the lease: starter plan check --live; then starter resolve --abort, and start the run again")
	case w.Token < known.Token:
		return failure.New(failure.Unsafe, "the lease on %s passed on: this host acted under token %d of %q, the request has token %d", service, known.Token, known.Holder, w.Token).
			WithHint("see who acts now: starter status; what an older run left is taken back with: starter undo. If the stores were replaced by empty ones, remove %s", g.path(service, ".json"))
	case w.Token == known.Token && w.Token != 0 && w.Holder != known.Holder:
		return failure.New(failure.Unsafe, "token %d of the lease on %s belongs to %q, not to %q", w.Token, service, known.Holder, w.Holder).
			WithHint("see who acts now: starter status. Where %q has ended, starter resolve --abort, and start the run again with this host's worker up: it takes a higher token then", known.Holder)
	}
	return nil
}

// advance moves the memory to w's token, and to the proofs accepted under it.
func (g Guard) advance(known memory, w warrant.Warrant, service string, proofs []string) error {
	next := known
	if w.Token > known.Token {
		next = memory{Token: w.Token, Holder: w.Holder}
	}
	next.accept(proofs)
	if next.Token == known.Token && slices.Equal(next.Accepted, known.Accepted) {
		return nil
	}
	return g.write(service, next)
}

// lock waits until nothing destructive is at work on the service. The file stays:
// removing it would let two callers hold two locks. A process that dies gives its
// lock back.
func (g Guard) lock(ctx context.Context, service string) (release func(), err error) {
	path := g.path(service, ".lock")
	if err := g.owner().MkdirAll(filepath.Dir(path)); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, pg.ClassifyFile(err, "open lock %s", path)
	}
	if err := g.owner().Give(path); err != nil {
		_ = file.Close() // nothing was written
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = pg.Poll(ctx, "what is at work on service "+service+" on this host", 100*time.Millisecond, func(context.Context) (bool, error) {
		return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil, nil
	})
	if err != nil {
		_ = file.Close() // nothing was written
		return nil, err
	}
	return func() {
		// Unlocked by name: a child being started this instant shares the file.
		_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
		_ = file.Close()
	}, nil
}

// owner gets what is written: the owner of the state directory, so that a worker
// that is not root and a person who is can take turns.
func (g Guard) owner() pg.Owner {
	owner, err := pg.OwnerOf(g.Dir)
	if err != nil { // it is root's, or this process is about to make it
		return pg.Owner{}
	}
	return owner
}

func (g Guard) path(service, suffix string) string {
	return filepath.Join(g.Dir, "lease", url.PathEscape(service)+suffix)
}
