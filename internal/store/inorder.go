package store

import (
	"iter"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// InOrder passes a listing on and ends it in failure.Unknown when its keys do
// not ascend: a caller that merges or resumes listings would miss objects.
func InOrder(listing iter.Seq2[Object, error]) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		last := ""
		for obj, err := range listing {
			if err == nil && obj.Key < last {
				err = failure.New(failure.Unknown, "listing is out of order: %.80q after %.80q", obj.Key, last)
			}
			last = obj.Key
			if !yield(obj, err) || err != nil {
				return
			}
		}
	}
}
