package archive

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Depth is how much a verification looks at.
type Depth uint8

const (
	// AttributesOnly asks each store for size, version and recorded digest. No key.
	AttributesOnly Depth = iota
	// FullRead reads every object from every store and hashes it. No key.
	FullRead
	// Deep is FullRead plus decrypting: every slice is hashed against the
	// manifest. Needs keys.
	Deep
)

// VerifyConfig says what to verify.
type VerifyConfig struct {
	Stores   []store.Store
	Source   string
	SetID    SetID
	Trusted  keyring.Trust
	Depth    Depth
	Keys     keyring.KeySource // for Deep
	Workers  int               // default 4
	Progress func(Progress)
}

// Finding is one thing wrong with one object in one store.
type Finding struct {
	Store  string // "" when it concerns no single store
	Object string
	Class  failure.Class
	Detail string
}

// Verification is what was proved about a set.
type Verification struct {
	Set          SetID
	Depth        Depth
	Objects      int64 // looked at, counted once for each store
	ReadBytes    int64
	Slices       int64 // hashed against the manifest (Deep)
	Findings     []Finding
	Anomalies    []Anomaly
	SourceDamage bool // the source itself was damaged when the set was made
}

// Sound reports whether nothing at all is wrong.
func (v *Verification) Sound() bool { return len(v.Findings) == 0 && !v.SourceDamage }

const defaultVerifyWorkers = 4

// Verify checks one set in every store that should hold it. What is wrong is a
// finding, not an error; an error means the verification itself could not be done.
func Verify(ctx context.Context, cfg VerifyConfig) (Verification, error) {
	set, anomalies, err := Load(ctx, cfg.Stores, cfg.Source, cfg.SetID, cfg.Trusted)
	if err != nil {
		return Verification{}, err
	}
	cfg.Workers = orDefault(cfg.Workers, defaultVerifyWorkers)
	v := &verifier{cfg: cfg, set: set, result: Verification{
		Set: cfg.SetID, Depth: cfg.Depth, Anomalies: anomalies,
		SourceDamage: set.Descriptor.Damaged,
	}}
	v.fetcher = newFetcher(cfg.Stores, &v.pool)
	v.meter = newMeter(v.total(), cfg.Progress)
	v.checkCopies()
	if err := v.eachObject(ctx); err != nil {
		return v.result, err
	}
	if cfg.Depth == Deep {
		if err := v.deep(ctx); err != nil {
			return v.result, err
		}
	}
	v.meter.finish()
	slices.SortFunc(v.result.Findings, func(a, b Finding) int {
		return strings.Compare(a.Store+a.Object, b.Store+b.Object)
	})
	return v.result, nil
}

type verifier struct {
	cfg     VerifyConfig
	set     Set
	pool    chunkPool
	fetcher *fetcher
	meter   *meter

	mu     sync.Mutex // guards result
	result Verification
}

func (v *verifier) objects() []Object {
	return append([]Object{v.set.Descriptor.Manifest}, v.set.Descriptor.Parts...)
}

func (v *verifier) total() (bytes int64) {
	for _, object := range v.objects() {
		bytes += object.SizeBytes * int64(len(v.cfg.Stores))
	}
	return bytes
}

func (v *verifier) find(storeName, object string, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.result.Findings = append(v.result.Findings, Finding{Store: storeName, Object: object, Class: failure.ClassOf(err), Detail: err.Error()})
}

// checkCopies finds stores that do not show the set at all.
func (v *verifier) checkCopies() {
	for _, s := range v.cfg.Stores {
		if _, there := v.set.Copies[s.Name()]; !there {
			v.find(s.Name(), DescriptorKey(v.cfg.Source, v.cfg.SetID), failure.New(failure.NotFound, "no genuine descriptor"))
		}
	}
}

func (v *verifier) eachObject(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(v.cfg.Workers)
	for _, object := range v.objects() {
		for _, s := range v.cfg.Stores {
			group.Go(func() error {
				if err := v.check(ctx, s, object); err != nil {
					if ctx.Err() != nil {
						return failure.Wrap(failure.Unavailable, context.Cause(ctx), "verify")
					}
					v.find(s.Name(), object.Key, err)
				}
				return nil
			})
		}
	}
	return group.Wait()
}

// check looks at one object in one store.
func (v *verifier) check(ctx context.Context, s store.Store, object Object) error {
	v.mu.Lock()
	v.result.Objects++
	v.mu.Unlock()
	if v.cfg.Depth == AttributesOnly {
		there, err := statObject(ctx, s, object)
		if err != nil {
			return err
		}
		v.meter.add(object.SizeBytes, 0, 0)
		if there.SizeBytes != object.SizeBytes || (!there.SHA256.IsZero() && there.SHA256 != object.SHA256) {
			return failure.New(failure.Corrupt, "%s", mismatch(object, there.SizeBytes, there.SHA256))
		}
		return nil
	}
	content, err := v.fetcher.read(ctx, s, object)
	if err != nil {
		return err
	}
	content.release()
	v.meter.add(object.SizeBytes, 0, object.SizeBytes)
	v.mu.Lock()
	v.result.ReadBytes += object.SizeBytes
	v.mu.Unlock()
	return nil
}

// statObject asks for the pinned version, then for a copy made since.
func statObject(ctx context.Context, s store.Store, object Object) (store.Object, error) {
	there, err := s.Stat(ctx, object.Key, object.Stores[s.Name()])
	if failure.Is(err, failure.NotFound) && object.Stores[s.Name()] != "" {
		return s.Stat(ctx, object.Key, "")
	}
	return there, err
}

// deep decrypts the manifest and every part and hashes every slice.
func (v *verifier) deep(ctx context.Context) error {
	d := &decoder{d: v.set.Descriptor, keys: v.cfg.Keys}
	m, err := d.manifest(ctx, v.fetcher, v.set, v.cfg.Trusted)
	if err != nil {
		if failure.Is(err, failure.Forbidden) {
			return err
		}
		v.find("", v.set.Descriptor.Manifest.Key, err)
		return nil
	}
	missing := wanted{}
	for i := range m.Entries {
		missing.add(&m.Entries[i], m.Entries[i].Slices)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(v.cfg.Workers)
	for part, members := range missing {
		group.Go(func() error {
			object := v.set.Descriptor.Parts[part]
			if err := v.deepPart(ctx, d, object, members); err != nil {
				if ctx.Err() != nil {
					return failure.Wrap(failure.Unavailable, context.Cause(ctx), "verify")
				}
				v.find("", object.Key, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (v *verifier) deepPart(ctx context.Context, d *decoder, object Object, members map[string][]destination) error {
	content, err := v.fetcher.fetch(ctx, object)
	if err != nil {
		return err
	}
	defer content.release()
	err = d.members(ctx, object, content, func(name string, _ int64, r io.Reader) error {
		places := members[name]
		delete(members, name)
		return v.checkMember(name, places, r)
	})
	if err == nil && len(members) > 0 {
		err = failure.New(failure.Corrupt, "lacks the content of %s", nameFiles(members))
	}
	return err
}

func (v *verifier) checkMember(name string, places []destination, r io.Reader) error {
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	if err != nil {
		return err
	}
	for _, place := range places {
		if store.Digest(sum.Sum(nil)) != place.slice.SHA256 || n != place.slice.SizeBytes {
			return failure.New(failure.Corrupt, "member %s is not what %s needs: %s", name, fmt.Sprintf("%q", place.entry.Path), store.Digest(sum.Sum(nil)))
		}
	}
	v.mu.Lock()
	v.result.Slices += int64(len(places))
	v.mu.Unlock()
	return nil
}
