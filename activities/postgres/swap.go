package postgres

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg/swap"
)

// SwapIn cuts over: the restored cluster takes the service's directory and port,
// the damaged one is kept beside it, readable where it still starts. What to do
// next follows from what is on disk, so a killed call is completed by the next
// one, and a second call changes nothing.
func (a *Activities) SwapIn(ctx context.Context, in SwapInput) (Swapped, error) {
	swapped, err := permitted(ctx, a, in.Where, in.swapping(false), func() (Swapped, error) { return a.swap(ctx, in, swap.In) })
	return swapped, boundary.Out(err)
}

// SwapBack reverses a cut-over, finished or not: the damaged cluster serves again
// with its own settings. The restored one is kept, with whatever was written to
// it since. Before any cut-over it changes nothing.
func (a *Activities) SwapBack(ctx context.Context, in SwapInput) (Swapped, error) {
	swapped, err := permitted(ctx, a, in.Where, in.swapping(true), func() (Swapped, error) { return a.swap(ctx, in, swap.Back) })
	return swapped, boundary.Out(err)
}

func (a *Activities) swap(ctx context.Context, in SwapInput, way func(context.Context, swap.Config) (swap.Swapped, error)) (Swapped, error) {
	beat := pulse.Start(ctx)
	defer beat.Stop()
	t, err := a.resolve(in.Where)
	if err != nil {
		return Swapped{}, err
	}
	login, err := t.server(Serving)
	if err != nil {
		return Swapped{}, err
	}
	socket := filepath.Join(filepath.Dir(t.workspace.Dir), "aside")
	if err := t.forgetKey(); err != nil {
		return Swapped{}, err
	}
	done, err := way(ctx, swap.Config{
		Run: strings.TrimPrefix(ShortRun(in.Run), "run-"), Service: t.serving(), Login: login, Workspace: t.restored(),
		Aside: swap.Aside{
			Port: t.host.AsidePort, SocketDir: socket, Superuser: t.database.Superuser,
		},
		Damaged:  swap.Identity{Expected: expected(in.Damaged)},
		Restored: swap.Identity{Expected: expected(in.Restored), Timeline: in.Restored.Timeline},
		Progress: func(move swap.Move, _ time.Time) { beat.Report(move) },
	})
	if err != nil {
		return Swapped{}, err
	}
	return Swapped{
		ServingDir: done.ServingDir, AsideDir: done.AsideDir, AsidePort: done.AsidePort, At: done.At,
		Serving:    Identity{SystemID: done.Serving.SystemID, Timeline: done.Serving.Timeline, Incarnation: done.Serving.Incarnation},
		AsideReads: done.AsideReads, AsideSocket: socket, Why: done.Why,
	}, nil
}
