package evidence

import (
	"github.com/terragonlabs/holdfast/internal/failure"
)

// Verify checks that entries are exactly the whole chain that ends in head. The
// error is failure.Corrupt and names the first entry that is not as recorded.
// head must come from somewhere the entries' keeper cannot write.
func Verify(entries []Entry, head Head) error {
	return verify(Genesis(head.Chain), entries, head)
}

// VerifyPage checks one page on its own: it leads from its start to its head.
// That says nothing about the pages around it; VerifyPages does.
func VerifyPage(page Page) error { return verify(page.Start, page.Entries, page.Head) }

// VerifyPages checks that pages, in order, are exactly the whole chain that ends
// in head.
func VerifyPages(pages []Page, head Head) error {
	_, err := Join(pages, head)
	return err
}

// Join verifies pages against head and returns all their entries.
func Join(pages []Page, head Head) ([]Entry, error) {
	at := Genesis(head.Chain)
	var entries []Entry
	for i, page := range pages {
		if page.Start != at {
			return nil, broken(page.First(), "page %d starts after entry %d of chain %q, but entry %d of chain %q came before it",
				i+1, page.Start.Count, page.Start.Chain, at.Count, at.Chain)
		}
		if err := VerifyPage(page); err != nil {
			return nil, err
		}
		entries = append(entries, page.Entries...)
		at = page.Head
	}
	if at != head {
		return nil, broken(at.Count+1, "the pages end after entry %d (%s), the head says entry %d (%s)", at.Count, at.Hash, head.Count, head.Hash)
	}
	return entries, nil
}

func verify(from Head, entries []Entry, head Head) error {
	if from.Chain != head.Chain {
		return broken(from.Count+1, "belongs to chain %q, the head to chain %q", from.Chain, head.Chain)
	}
	at := from
	for _, e := range entries {
		switch {
		case e.Seq != at.Count+1:
			return broken(at.Count+1, "missing or out of order: found entry %d in its place", e.Seq)
		case e.Prev != at.Hash:
			return broken(e.Seq, "does not follow the entry before it")
		case hashOf(e) != e.Hash:
			return broken(e.Seq, "its content is not what its hash says")
		}
		at.Count, at.Hash = e.Seq, e.Hash
	}
	if at.Count != head.Count {
		return broken(min(at.Count, head.Count)+1, "%d entries found, the head says %d", at.Count, head.Count)
	}
	if at.Hash != head.Hash {
		return broken(at.Count, "the chain ends in %s, the head says %s", at.Hash, head.Hash)
	}
	return nil
}

func broken(seq uint64, format string, args ...any) error {
	return failure.Wrap(failure.Corrupt, failure.New(failure.Corrupt, format, args...).
		WithHint("compare with the copy of the timeline in another store: starter evidence verify"),
		"timeline entry %d", seq)
}
