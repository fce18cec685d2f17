package archive

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
)

// storeView is what one store holds.
type storeView struct {
	name      string
	found     map[SetID]foundDescriptor
	anomalies []Anomaly
	err       error
}

type foundDescriptor struct {
	descriptor *Descriptor
	digest     store.Digest
	copied     Copy
}

// viewStore reads the descriptors below prefix.
func viewStore(ctx context.Context, s store.Store, source, prefix string, trusted keyring.Trust) storeView {
	view := storeView{name: s.Name(), found: map[SetID]foundDescriptor{}}
	versions, err := descriptorsBelow(ctx, s, source, prefix)
	if err != nil {
		view.err = err
		return view
	}
	for set, objects := range versions {
		slices.Reverse(objects) // oldest first
		for _, object := range objects {
			if err := view.look(ctx, s, source, set, object, trusted); err != nil {
				view.err = err
				return view
			}
		}
	}
	return view
}

// partsPassed is how many parts of one set are passed before the rest is jumped
// over: what providers list in one answer. Fewer would cost more answers, not fewer.
const partsPassed = 1000

// descriptorsBelow lists every version of every descriptor. A large set has ten
// thousands of parts, which sort before it; most of them are never listed.
func descriptorsBelow(ctx context.Context, s store.Store, source, prefix string) (map[SetID][]store.Object, error) {
	versions := map[SetID][]store.Object{}
	for after, more := "", true; more; {
		passing, parts := SetID(""), 0
		more = false
		for object, err := range s.List(ctx, prefix, store.ListOptions{Versions: true, After: after}) {
			if err != nil {
				return nil, err
			}
			set, rest, ok := setOfKey(source, object.Key)
			if ok && rest == descriptorName {
				versions[set] = append(versions[set], object)
			}
			if !ok || !strings.HasPrefix(rest, partsFolder) {
				continue
			}
			if passing != set {
				passing, parts = set, 0
			}
			if parts++; parts >= partsPassed {
				// Behind every part that a writer names, and never back.
				after, more = max(setPrefix(source, set)+partsFolder+"~", object.Key), true
				break
			}
		}
	}
	return versions, nil
}

// look judges one version of one descriptor. It returns an error only when the
// store did not answer: then nothing is known.
func (v *storeView) look(ctx context.Context, s store.Store, source string, set SetID, object store.Object, trusted keyring.Trust) error {
	if object.DeleteMarker {
		v.note(DeleteMarker, set, "a delete marker of "+object.Modified.UTC().Format(time.RFC3339))
		return nil
	}
	document, readErr := readDocument(ctx, s, object)
	if readErr != nil && !failure.Is(readErr, failure.Corrupt) {
		return readErr
	}
	d, bad := ParseDescriptor(document, source, set, trusted, object.Modified)
	if bad = errors.Join(readErr, bad); bad != nil {
		v.note(Forged, set, "version "+object.Version+": "+bad.Error())
		return nil //nolint:nilerr // it is a finding, not a failure to list
	}
	digest := store.DigestOf(document)
	if first, ok := v.found[set]; ok {
		if first.digest != digest {
			v.note(TwoDescriptors, set, "version "+object.Version+" differs from the older one")
		}
		return nil
	}
	v.found[set] = foundDescriptor{d, digest, Copy{Version: object.Version, Stored: object.Modified}}
	return nil
}

func (v *storeView) note(kind AnomalyKind, set SetID, detail string) {
	v.anomalies = append(v.anomalies, Anomaly{Kind: kind, Store: v.name, Set: set, Detail: detail})
}

// readDocument reads one version of a descriptor, bounded.
func readDocument(ctx context.Context, s store.Store, object store.Object) ([]byte, error) {
	body, _, err := s.Get(ctx, object.Key, store.GetOptions{Version: object.Version})
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // read only: the read itself says what went wrong
	document, err := io.ReadAll(io.LimitReader(body, maxDescriptorBytes+1))
	if err != nil {
		return nil, err
	}
	if len(document) > maxDescriptorBytes {
		return nil, failure.New(failure.Corrupt, "descriptor is larger than %d bytes", maxDescriptorBytes)
	}
	return document, nil
}
