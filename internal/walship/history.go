package walship

import (
	"context"

	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// FindHistory returns a timeline's history as the first store that shows it has it: all
// are asked at once. Errors: NotFound, or Unavailable when a store that may have it did
// not answer.
func FindHistory(ctx context.Context, c Cluster, tli wal.Timeline) (wal.History, error) {
	if tli == 1 {
		return wal.History{Timeline: tli}, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		text []byte // nil: the store has none
		err  error
	}
	answers := make(chan answer, len(c.Stores))
	for _, from := range c.Stores {
		go func() {
			text, err := historyIn(ctx, c, from, tli)
			answers <- answer{text, err}
		}()
	}
	var trouble troubles
	for range c.Stores {
		told := <-answers
		if told.err == nil && told.text != nil {
			return wal.ParseHistory(tli, told.text)
		}
		trouble.add(told.err)
	}
	return wal.History{}, trouble.verdict(wal.HistoryName(tli))
}

// historyIn reads a timeline's history from one store; nil where it lists none.
func historyIn(ctx context.Context, c Cluster, from store.Store, tli wal.Timeline) ([]byte, error) {
	versions := c.place().versions(wal.FileName{Kind: wal.FileHistory, Timeline: tli}, wal.HistoryName(tli))
	key, err := firstKey(ctx, attentive{from}, versions, "")
	if err != nil || key == "" {
		return nil, err
	}
	return openWhole(ctx, c, from, key)
}
