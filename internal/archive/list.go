package archive

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Set is one visible set.
type Set struct {
	Descriptor *Descriptor
	Digest     store.Digest    // of the descriptor's bytes
	Copies     map[string]Copy // by store name
}

// Copy is one store's copy of a descriptor.
type Copy struct {
	Version string
	Stored  time.Time // the store's clock
}

// AnomalyKind says what is odd about a set or store.
type AnomalyKind string

// Kinds of anomaly.
const (
	DeleteMarker   AnomalyKind = "delete-marker"   // somebody deleted a descriptor; an older version was used
	Forged         AnomalyKind = "forged"          // a version of a descriptor that is not genuine; stepped over
	Missing        AnomalyKind = "missing"         // a store that should hold the set's descriptor does not
	CounterReused  AnomalyKind = "counter-reused"  // two genuine sets with one counter
	ChainBroken    AnomalyKind = "chain-broken"    // a set's previous one is not what it says
	TwoDescriptors AnomalyKind = "two-descriptors" // two genuine, different descriptors of one set; the older was used
)

// Anomaly is one finding of List.
type Anomaly struct {
	Kind   AnomalyKind
	Store  string // "" when it concerns no single store
	Set    SetID
	Detail string
}

// Listing is what the stores hold of one source.
type Listing struct {
	Sets        []Set // ascending by ID, hence by time
	Anomalies   []Anomaly
	Unreachable map[string]error // stores that could not be listed: what they hold is not known
}

func (l *Listing) find(id SetID) (Set, bool) {
	for _, set := range l.Sets {
		if set.Descriptor.Set == id {
			return set, true
		}
	}
	return Set{}, false
}

// List reads every descriptor of a source from all stores and merges them. It
// needs no private key. Descriptors that are not genuine, and delete markers, are
// reported and stepped over; versions are looked through oldest first, since the
// first one written is the one nothing may overwrite. It fails only when no store
// answers.
func List(ctx context.Context, stores []store.Store, source string, trusted keyring.Trust) (*Listing, error) {
	return listBelow(ctx, stores, source, setsPrefix(source), trusted)
}

// Load finds one set. It fails with failure.NotFound when no store that answers
// has a genuine descriptor of it.
func Load(ctx context.Context, stores []store.Store, source string, id SetID, trusted keyring.Trust) (Set, []Anomaly, error) {
	if _, err := ParseSetID(string(id)); err != nil {
		return Set{}, nil, err
	}
	listing, err := listBelow(ctx, stores, source, DescriptorKey(source, id), trusted)
	if err != nil {
		return Set{}, nil, err
	}
	if set, found := listing.find(id); found {
		return set, listing.Anomalies, nil
	}
	for _, anomaly := range listing.Anomalies {
		if anomaly.Kind == Forged {
			return Set{}, listing.Anomalies, failure.New(failure.Corrupt, "set %s of %s has no genuine descriptor: %s", id, source, anomaly.Detail).
				WithHint("starter backup list")
		}
	}
	for name, err := range listing.Unreachable {
		return Set{}, listing.Anomalies, failure.Wrap(failure.ClassOf(err), err, "look for set %s in store %s", id, name)
	}
	return Set{}, listing.Anomalies, failure.New(failure.NotFound, "set %s of %s is in no store", id, source).
		WithHint("starter backup list")
}

func listBelow(ctx context.Context, stores []store.Store, source, prefix string, trusted keyring.Trust) (*Listing, error) {
	if err := CheckSource(source); err != nil {
		return nil, err
	}
	if err := checkStores(stores); err != nil {
		return nil, err
	}
	views := make([]storeView, len(stores))
	var running sync.WaitGroup
	for i, s := range stores {
		running.Go(func() { views[i] = viewStore(ctx, s, source, prefix, trusted) })
	}
	running.Wait()
	listing := &Listing{Unreachable: map[string]error{}}
	merged := map[SetID]*Set{}
	for _, view := range views {
		if view.err != nil {
			listing.Unreachable[view.name] = view.err
			continue
		}
		listing.Anomalies = append(listing.Anomalies, view.anomalies...)
		listing.merge(merged, view)
	}
	if len(listing.Unreachable) == len(stores) {
		err := views[0].err
		return nil, failure.Wrap(failure.ClassOf(err), err, "list sets of %s: no store answers", source)
	}
	for _, set := range merged {
		listing.Sets = append(listing.Sets, *set)
	}
	slices.SortFunc(listing.Sets, func(a, b Set) int { return strings.Compare(string(a.Descriptor.Set), string(b.Descriptor.Set)) })
	listing.compare(views)
	return listing, nil
}
