package walship

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive/seal"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// Fetcher brings WAL back from the stores. It writes to the spool and to pg_wal
// only, and needs no write credentials at any store.
type Fetcher struct {
	settings settings.Settings
	place    place
	stores   []store.Store
	keys     keyring.KeySource
	only     wanted
	repairs  *repairsLog
	report   *reporter
	meter    *meter
	ahead    *ahead
}

// OpenFetcher makes a Fetcher. Close it. Its prefetch directory is emptied: what
// an earlier process left is fetched again, never trusted.
func OpenFetcher(opts Options) (*Fetcher, error) {
	return openFetcher(opts, newReporter(opts.logger(), opts.OnEvent), newMeter(opts.Settings))
}

func openFetcher(opts Options, report *reporter, meter *meter) (*Fetcher, error) {
	if opts.Keys == nil || len(opts.Stores) == 0 {
		return nil, failure.New(failure.Forbidden, "this host has no keys to open WAL of source %s", opts.Settings.Source).
			WithHint("name keys.private in the settings, or let the recovery serve with released session keys")
	}
	repairs, err := openRepairsLog(opts.Settings.Spool.Dir)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(opts.Settings.Spool.Dir, "ahead")
	if opts.Settings.Fetch.Prefetch > 0 {
		if err := emptyDir(dir); err != nil {
			return nil, err
		}
	}
	f := &Fetcher{
		settings: opts.Settings, place: opts.place(), stores: opts.Stores, keys: opts.Keys, only: opts.Only,
		repairs: repairs, report: report, meter: meter,
	}
	f.ahead = newAhead(dir, opts.Settings, f.whole)
	return f, nil
}

// Close stops prefetching.
func (f *Fetcher) Close() { f.ahead.close() }

// Fetch puts the file PostgreSQL calls name (%f) at path (%p). Errors: NotFound
// when every store said that it is not there; anything else must abort recovery.
// Fetched twice, the file is written twice with the same bytes.
func (f *Fetcher) Fetch(ctx context.Context, name, path string) error {
	return onlyDefinite(f.fetch(ctx, name, path))
}

// onlyDefinite lets NotFound pass only when it is the stores' own unanimous
// word. Any other missing thing, a directory, a key, must not end recovery.
func onlyDefinite(err error) error {
	if failure.Is(err, failure.NotFound) && !errors.Is(err, errAbsent) {
		return failure.Wrap(failure.Unavailable, err, "fetch")
	}
	return err
}

func (f *Fetcher) fetch(ctx context.Context, name, path string) error {
	file, err := f.place.size.ParseFileName(name)
	if err != nil {
		return err
	}
	target, err := f.target(path)
	if err != nil {
		return err
	}
	if file.Kind == wal.FileHistory && file.Timeline == 1 {
		// A promotion asks for its parent's history, and that of the first timeline exists
		// nowhere (src/backend/access/transam/timeline.c).
		return failure.Wrap(failure.NotFound, errAbsent, "timeline 1 has no history file")
	}
	if file.Kind != wal.FileSegment {
		content, err := f.patiently(ctx, name, func() ([]byte, error) { return f.archived(ctx, file, name) })
		if err != nil {
			return f.unheard(file, name, err)
		}
		return f.write(target, content)
	}
	if ready, ok := f.ahead.take(ctx, file.Segment); ok {
		f.meter.update(func(s *Status) { s.Fetched, s.Prefetched = s.Fetched+1, s.Prefetched+1 })
		return f.move(ready, target)
	}
	content, err := f.patiently(ctx, name, func() ([]byte, error) { return f.segment(ctx, file) })
	if err != nil {
		return err
	}
	f.meter.update(func(s *Status) { s.Fetched++ })
	return f.write(target, content)
}

// unheard returns err, or that a file is absent although a store did not say so. Only
// the history of a timeline later than the whole recovery is: PostgreSQL asks for it
// when it is promoted, to give its own timeline a number that no other has. The log of
// repairs says which store may hold another timeline of that number.
func (f *Fetcher) unheard(file wal.FileName, name string, err error) error {
	var half *partlyAbsentError
	if file.Kind != wal.FileHistory || !errors.As(err, &half) || !f.only.passes(f.place, file.Timeline) {
		return err
	}
	noted := f.repairs.add(Repair{
		At: time.Now().UTC(), Object: name, Store: half.silent,
		Reason: "it did not answer, and no other store has it: a timeline of this number that only this store knows would be there twice",
	})
	if noted != nil {
		return noted
	}
	return failure.Wrap(failure.NotFound, errAbsent, "%s is in no store that answers", name)
}

// patiently repeats get while stores do not answer, as long as the settings say.
func (f *Fetcher) patiently(ctx context.Context, name string, get func() ([]byte, error)) ([]byte, error) {
	deadline := time.Now().Add(f.settings.Fetch.Patience)
	wait := 100 * time.Millisecond
	for {
		content, err := get()
		if err == nil || !failure.Is(err, failure.Unavailable) || time.Now().Add(wait).After(deadline) || !pause(ctx, wait) {
			return content, failure.Wrap(failure.ClassOf(err), err, "fetch %s", name)
		}
		wait = min(2*wait, 5*time.Second)
	}
}

// whole fetches a segment that some store has whole. It is what prefetching does.
func (f *Fetcher) whole(ctx context.Context, seg wal.Segment) ([]byte, error) {
	file := wal.FileName{Kind: wal.FileSegment, Segment: seg, Timeline: seg.Timeline}
	return f.archived(ctx, file, f.place.size.Name(seg))
}

// segment fetches a segment, whole if any store has it so, else from its tail. What a
// store has under its name and cannot be opened is done without where pieces leave
// nothing out, and counts as nothing where it is forged.
func (f *Fetcher) segment(ctx context.Context, file wal.FileName) ([]byte, error) {
	content, err := f.whole(ctx, file.Segment)
	switch failure.ClassOf(err) {
	case failure.NotFound:
		return f.fromTail(ctx, file.Segment, true)
	case failure.Corrupt, failure.Forbidden, failure.IdentityMismatch:
		var forged *forgedError
		if made, missed := f.fromTail(ctx, file.Segment, errors.As(err, &forged)); missed == nil {
			return made, nil
		}
	default:
	}
	return content, err
}

// forgedError is why nothing was found under a name, although a store has something there.
type forgedError struct{ cause error }

func (e *forgedError) Error() string { return e.cause.Error() }
func (e *forgedError) Unwrap() error { return e.cause }

// archived fetches a file as PostgreSQL archived it, from the first store that
// gives a good copy. A bad copy is stepped over and recorded.
func (f *Fetcher) archived(ctx context.Context, file wal.FileName, name string) ([]byte, error) {
	versions := f.place.versions(file, name)
	if f.only.lacks(file.Kind, versions) {
		return nil, failure.Wrap(failure.NotFound, errAbsent, "%s is no part of what this recovery was given", name)
	}
	var trouble troubles
	holding := 0
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for seen := range sight(ctx, f.stores, f.place, versions) {
		if seen.err != nil {
			trouble.silence(seen.from.Name(), seen.err)
			continue
		}
		if len(seen.objects) > 0 {
			holding++
		} else {
			trouble.absent = true
		}
		seen.objects = slices.DeleteFunc(seen.objects, f.beyond)
		if contents := distinct(seen.objects); contents > 1 {
			trouble.add(failure.New(failure.Exists, "store %s holds %d different contents of %s", seen.from.Name(), contents, name).
				WithHint("starter backup verify names them; decide which cluster's it is before recovering"))
			continue
		}
		for _, candidate := range seen.objects {
			content, err := f.open(ctx, seen.from, candidate)
			if err == nil {
				return content, nil
			}
			trouble.add(err)
			if err := f.stepOver(seen.from, candidate, err); err != nil {
				return nil, err
			}
		}
	}
	if trouble.forged(holding) {
		return nil, &forgedError{trouble.verdict(name)}
	}
	return nil, trouble.verdict(name)
}

// beyond says that obj is not one this recovery may use.
func (f *Fetcher) beyond(obj object) bool { return f.only.bars(obj.File.Kind, obj.Key) }

// distinct counts different contents; versions of one key are one content.
func distinct(objects []object) int {
	keys := make(map[string]bool, len(objects))
	for _, obj := range objects {
		keys[obj.Key] = true
	}
	return len(keys)
}

// open reads one copy and proves it: decryption, the plaintext's hash in its
// key, and for whole files what the name promises.
func (f *Fetcher) open(ctx context.Context, from store.Store, obj object) ([]byte, error) {
	_, most := f.place.bounds(obj)
	body, err := readObject(ctx, from, obj.Key, obj.Version, most)
	if err != nil {
		return nil, err
	}
	plain := body
	if suffixOf(obj.File.Kind) == sealedSuffix {
		if plain, err = f.unseal(ctx, body, obj); err != nil {
			return nil, err
		}
	}
	if sumOf(plain) != obj.Sum {
		return nil, failure.New(failure.Corrupt, "%s in %s does not hold what its name says", obj.Key, from.Name())
	}
	if obj.File.Kind == wal.FileTail {
		if wal.LSN(len(plain)) != obj.File.ValidTo-obj.From {
			return nil, failure.New(failure.Corrupt, "%s in %s has %d bytes", obj.Key, from.Name(), len(plain))
		}
		return plain, nil
	}
	return plain, checkContent(f.place, obj.File, plain)
}

// unseal opens what was read of obj. It is a strangerError where nothing shows that
// it was sealed to be obj: then it is not damage, but somebody's writing.
func (f *Fetcher) unseal(ctx context.Context, body []byte, obj object) ([]byte, error) {
	plain, err := seal.Open(ctx, body, obj.Key, f.keys, f.place.mostPlain(obj))
	if err == nil || f.sealedAs(ctx, body, obj.Key) {
		return plain, err
	}
	return nil, &strangerError{err}
}

func (f *Fetcher) sealedAs(ctx context.Context, body []byte, key string) bool {
	header, err := seal.Header(body)
	if err != nil {
		return false
	}
	session, err := f.keys.SessionKey(ctx, key, header)
	return err == nil && seal.CheckName(body, key, session) == nil
}

// stepOver records a copy that could not be used, so that the report shows it.
func (f *Fetcher) stepOver(from store.Store, obj object, why error) error {
	f.report.note(EventCorrupt, from.Name(), obj.Key, "a copy was stepped over: "+why.Error())
	return f.repairs.add(Repair{At: time.Now().UTC(), Object: obj.Key, Store: from.Name(), Reason: why.Error()})
}
