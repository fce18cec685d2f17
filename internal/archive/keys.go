package archive

import (
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

// KeyItems returns what a host asks the key holder for to restore the set: one
// item for each key header its manifest and parts begin with.
func KeyItems(d *Descriptor) []keyring.ReleaseItem {
	items := make([]keyring.ReleaseItem, len(d.Keys))
	for i, key := range d.Keys {
		items[i] = keyring.ReleaseItem{Object: DescriptorKey(d.Source, d.Set), Set: string(key.Set), PKESK: key.PKESK}
	}
	return items
}

// AllowSets is a rule for a key holder: only key headers that the given sets'
// descriptors, which the holder read and checked itself, name under that set. A
// host that asks for one set's header in another's name gets nothing.
func AllowSets(descriptors ...*Descriptor) func(keyring.ReleaseItem) error {
	type named struct{ set, header string }
	allowed := map[named]bool{}
	for _, d := range descriptors {
		for _, key := range d.Keys {
			allowed[named{string(key.Set), keyring.HeaderID(key.PKESK)}] = true
		}
	}
	return func(item keyring.ReleaseItem) error {
		if allowed[named{item.Set, keyring.HeaderID(item.PKESK)}] {
			return nil
		}
		return failure.New(failure.Refused, "set %.80q is not among those to release, or the key header is not one of its", item.Set)
	}
}
