package walship

import (
	"bytes"
	"context"
	"io"
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

const (
	repairIdle    = 2 * time.Second // between looks at an empty list, or after success
	repairBackoff = time.Minute     // the longest wait between tries of a store that is down
)

// Repair brings every store what it lacks until ctx ends. One loop per store: a
// dead one does not hold up another. Everything in it may run twice.
func (a *Archiver) Repair(ctx context.Context) {
	done := make(chan struct{}, len(a.shelves))
	for _, one := range a.shelves {
		go func() {
			a.repairLoop(ctx, one)
			done <- struct{}{}
		}()
	}
	for range a.shelves {
		<-done
	}
}

func (a *Archiver) repairLoop(ctx context.Context, one *shelf) {
	wait := repairIdle / 2
	for pause(ctx, wait) {
		if err := a.RepairStore(ctx, one.Name()); err != nil {
			wait = min(2*wait, repairBackoff)
			continue
		}
		wait = repairIdle
	}
}

// RepairStore brings one store what it lacks now, and stops at the first object
// it does not take. A conflict is reported and stepped over: it needs a person.
func (a *Archiver) RepairStore(ctx context.Context, name string) error {
	one, err := a.shelf(name)
	if err != nil {
		return err
	}
	a.writeDown()
	for _, e := range a.spool.lackedBy(name) {
		err := a.repairOne(ctx, one, e)
		if failure.Is(err, failure.Exists) || failure.Is(err, failure.Corrupt) {
			a.report.conflict(e.name(), name, e.Key, err)
			continue
		}
		if err != nil {
			one.down.Store(true)
			a.report.raise(EventStoreBehind, name, e.Key, "store still lacks objects: "+err.Error())
			return err
		}
	}
	one.down.Store(false)
	if len(a.spool.lackedBy(name)) == 0 {
		a.report.clear(EventStoreBehind, EventStoreCaughtUp, name, "store holds everything again")
	}
	if len(a.spool.onlyHere(len(a.shelves))) == 0 {
		a.report.clear(EventSpoolOnly, EventStoreCaughtUp, "", "stores hold what was only in the spool")
	}
	return nil
}

// writeDown gives the spool's disk another try at what only memory knows.
func (a *Archiver) writeDown() {
	if wrote, left := a.spool.persist(); wrote > 0 && left == 0 {
		a.report.clear(EventSpoolFull, EventStoreCaughtUp, "", "the spool can be written again")
	}
}

// repairOne brings a store one object. A late answer may say at any moment that the
// store has it; then nothing is left to do, and the spool's bytes are gone.
func (a *Archiver) repairOne(ctx context.Context, one *shelf, e entry) error {
	e, lacks := a.spool.lacks(e.Key, one.Name())
	if !lacks {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.settings.Archive.Timeout)
	defer cancel()
	body, err := a.bytesOf(ctx, e)
	if err != nil {
		if _, lacks = a.spool.lacks(e.Key, one.Name()); !lacks {
			return nil
		}
		return err
	}
	p := parcel{key: e.Key, versions: e.Versions, seal: ready(body)}
	if err := one.deposit(ctx, p, a.settings.Archive.RetainFor); err != nil {
		return err
	}
	a.settle(p, one.Name())
	return nil
}

// bytesOf reads the sealed object from the spool, or from a store that has it: there only
// bytes of the digest that was taken when they were sealed are it. Who can write to one
// store would own the others otherwise.
//
// Errors: Corrupt, naming the stores, where what they hand out is something else, or
// nothing is known of the bytes; Unavailable where nobody hands out any.
func (a *Archiver) bytesOf(ctx context.Context, e entry) ([]byte, error) {
	if e.HasBody {
		return a.spool.body(e)
	}
	var last error
	var others []string
	for _, other := range a.shelves {
		if slices.Contains(e.Lacking, other.Name()) {
			continue
		}
		body, err := a.copyIn(ctx, other, e)
		switch {
		case err == nil:
			return body, nil
		case failure.Is(err, failure.Corrupt):
			others = append(others, other.Name())
		}
		last = err
	}
	if len(others) > 0 {
		err := failure.New(failure.Corrupt, "%s is not brought to %v: the copy in %v is not known to be what this host sealed", e.Key, e.Lacking, others).
			WithHint("wal push the file again where pg_wal or a standby still has it; else compare that copy, opened with the keys, with what PostgreSQL has, and take a base backup")
		err.Cause = last
		return nil, err
	}
	return nil, failure.Wrap(failure.Unavailable, last, "no other store hands out %s", e.Key)
}

// copyIn reads one store's copy of what the spool knows by its digest only; Corrupt when
// it is another object, which is not read where the store says so itself.
func (a *Archiver) copyIn(ctx context.Context, from *shelf, e entry) ([]byte, error) {
	if e.SHA256.IsZero() {
		return nil, failure.New(failure.Corrupt, "the spool has no digest to hold the copy in %s against", from.Name())
	}
	differs := failure.New(failure.Corrupt, "store %s has other bytes: they were replaced, or sealed by a process whose spool is lost", from.Name())
	info, err := from.Stat(ctx, e.Key, "")
	if err != nil {
		return nil, failure.Wrap(failure.ClassOf(err), err, "look at %s in %s", e.Key, from.Name())
	}
	if info.SizeBytes != e.Size || !info.SHA256.IsZero() && info.SHA256 != e.SHA256 {
		return nil, differs
	}
	body, err := readObject(ctx, from, e.Key, info.Version, e.Size)
	if err == nil && store.DigestOf(body) != e.SHA256 {
		return nil, differs
	}
	return body, err
}

func (a *Archiver) shelf(name string) (*shelf, error) {
	for _, one := range a.shelves {
		if one.Name() == name {
			return one, nil
		}
	}
	return nil, failure.New(failure.NotFound, "no store is named %q", name)
}

// readObject reads a whole object of at most maxBytes; the store verifies its
// checksum. Whatever a store gives, or says it will, no more than that is held.
func readObject(ctx context.Context, from store.Store, key, version string, maxBytes int64) ([]byte, error) {
	body, info, err := from.Get(ctx, key, store.GetOptions{Version: version})
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	content.Grow(int(min(max(info.SizeBytes, 0), maxBytes)) + bytes.MinRead)
	_, err = content.ReadFrom(io.LimitReader(body, maxBytes+1))
	closing := body.Close()
	if int64(content.Len()) > maxBytes {
		return nil, &strangerError{failure.New(failure.Corrupt, "object %s in %s is longer than %d bytes", key, from.Name(), maxBytes)}
	}
	if err == nil {
		err = closing
	}
	return content.Bytes(), failure.Wrap(failure.ClassOf(err), err, "read %s from %s", key, from.Name())
}

// pause waits, and reports whether ctx still lives.
func pause(ctx context.Context, span time.Duration) bool {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
