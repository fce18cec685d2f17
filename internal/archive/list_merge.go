package archive

import "fmt"

// merge adds one store's sets. Stores that disagree about a set are reported; the
// copy written first is used.
func (l *Listing) merge(merged map[SetID]*Set, view storeView) {
	for id, found := range view.found {
		set, known := merged[id]
		if !known {
			merged[id] = &Set{Descriptor: found.descriptor, Digest: found.digest, Copies: map[string]Copy{view.name: found.copied}}
			continue
		}
		if set.Digest == found.digest {
			set.Copies[view.name] = found.copied
			continue
		}
		l.Anomalies = append(l.Anomalies, Anomaly{
			Kind: TwoDescriptors, Store: view.name, Set: id,
			Detail: "differs from another store's",
		})
		if found.descriptor.Created.Before(set.Descriptor.Created) {
			set.Descriptor, set.Digest = found.descriptor, found.digest
			set.Copies = map[string]Copy{view.name: found.copied}
		}
	}
}

// compare looks for sets missing in a store, reused counters and broken links
// between one set and the one before.
func (l *Listing) compare(views []storeView) {
	byCounter := map[uint64]Set{}
	for _, set := range l.Sets {
		d := set.Descriptor
		for _, view := range views {
			_, expected := d.Manifest.Stores[view.name]
			if _, there := set.Copies[view.name]; view.err == nil && expected && !there {
				l.Anomalies = append(l.Anomalies, Anomaly{
					Kind: Missing, Store: view.name, Set: d.Set,
					Detail: "the store holds no genuine descriptor of this set",
				})
			}
		}
		if other, reused := byCounter[d.Counter]; reused {
			l.Anomalies = append(l.Anomalies, Anomaly{
				Kind: CounterReused, Set: d.Set,
				Detail: fmt.Sprintf("counter %d is also that of set %s", d.Counter, other.Descriptor.Set),
			})
		}
		byCounter[d.Counter] = set
	}
	for _, set := range l.Sets {
		before, known := byCounter[set.Descriptor.Counter-1]
		if known && before.Digest != set.Descriptor.Previous {
			l.Anomalies = append(l.Anomalies, Anomaly{
				Kind: ChainBroken, Set: set.Descriptor.Set,
				Detail: fmt.Sprintf("does not follow set %s, which has the counter before", before.Descriptor.Set),
			})
		}
	}
}
