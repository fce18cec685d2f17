package evidence

import (
	"context"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
)

// PutPage stores one page of a run's timeline in every store. Running twice
// writes nothing new. A page that does not verify is refused: it would break
// the chain for good.
func (a *Activities) PutPage(ctx context.Context, in PageIn) (Where, error) {
	if err := evidence.VerifyPage(in.Page); err != nil {
		return Where{}, boundary.Out(failure.Wrap(failure.Corrupt, err, "verify timeline page"))
	}
	where, err := a.putEverywhere(ctx, in.Run.page(in.Page.First()), in.Page, in.RetainUntil)
	return where, boundary.Out(err)
}

// PutHead stores the head of a run's timeline under a lock, where the stores
// have locks: whoever alters a page later cannot alter this. Running twice
// writes nothing new.
func (a *Activities) PutHead(ctx context.Context, in HeadIn) (Where, error) {
	where, err := a.putEverywhere(ctx, in.Run.head(in.Head.Count, in.Phase), in.Head, in.RetainUntil)
	return where, boundary.Out(err)
}
