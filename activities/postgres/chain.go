package postgres

import (
	"context"
	"time"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// ProveChain shows, by looking at each, that every segment the choice needs is in
// a store. The first that is in none is a WAL gap. It reads only.
func (a *Activities) ProveChain(ctx context.Context, in ChainInput) (ChainProof, error) {
	defer pulse.Start(ctx).Stop()
	located, err := a.locate(ctx, in.Where, in.Choice)
	if err != nil {
		return ChainProof{}, boundary.Out(err)
	}
	return proofOf(located, in.Choice, len(a.Stores)), nil
}

// locate finds every WAL object of a choice, the tail's pieces included.
func (a *Activities) locate(ctx context.Context, in Where, choice recovery.Choice) ([]walship.Located, error) {
	t, err := a.resolve(in)
	if err != nil {
		return nil, err
	}
	if choice.Set.SystemID == 0 || !choice.SegmentSize.Valid() {
		return nil, failure.Invalid("choice", "names no cluster or no segment size")
	}
	log := a.walOf(t, choice)
	var ranges []wal.Range
	for _, one := range choice.Segments {
		ranges = append(ranges, one.Range)
	}
	located, err := walship.Prove(ctx, log, ranges)
	if err != nil || choice.TailUsed == nil {
		return located, err
	}
	segment := wal.Segment{Timeline: choice.TailUsed.Timeline, Number: choice.TailUsed.Number}
	pieces, reached, err := walship.LocateTail(ctx, log, segment)
	if err != nil {
		return nil, err
	}
	if reached < choice.TailUsed.ValidUpTo {
		return nil, failure.New(failure.WALGap, "the streamed tail of segment %s reaches %s only, the choice needs it to %s",
			choice.SegmentSize.Name(segment), reached, choice.TailUsed.ValidUpTo).WithHint("starter backup list shows what is in the stores now")
	}
	return append(located, pieces...), nil
}

// walOf names the log of the choice's cluster.
func (a *Activities) walOf(t target, choice recovery.Choice) walship.Cluster {
	return walship.Cluster{Source: t.database.Name, SystemID: choice.Set.SystemID, SegmentSize: choice.SegmentSize, Stores: a.Stores}
}

func proofOf(located []walship.Located, choice recovery.Choice, stores int) ChainProof {
	proof := ChainProof{Segments: len(located), At: time.Now().UTC()}
	for _, leg := range choice.Segments {
		if n := len(proof.Timelines); n == 0 || proof.Timelines[n-1] != leg.Timeline {
			proof.Timelines = append(proof.Timelines, leg.Timeline)
		}
	}
	for i, object := range located {
		if i == 0 {
			proof.First = object.Name
		}
		proof.Last = object.Name
		proof.Bytes += object.SizeBytes
		if len(object.Stores) < stores && len(proof.Repairs) < maxOnsets {
			proof.Repairs = append(proof.Repairs, object.Name)
		}
	}
	if choice.TailUsed != nil {
		proof.Tail = choice.TailUsed.ValidUpTo.String()
	}
	return proof
}
