package chaos_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/testsuite/stack"
)

// TestBothStoresGone: the primary writes on, the spool holds what was pushed, the
// alarms say so, and once the stores are back they get everything.
func TestBothStoresGone(t *testing.T) {
	b := shared(t)
	for _, server := range []string{stack.StoreS3, stack.StoreGCS} {
		b.net.Way(server).Refuse()
	}
	acknowledged := len(b.Application.Acks())
	for range 3 {
		must(t, b.write(5))
		must(t, b.switchWAL())
	}
	must(t, b.await("the spool to hold segments and the alarm to speak", func() (bool, error) {
		status, err := b.walStatus()
		kinds, _ := b.alarms()
		return err == nil && status.SpoolObjects > 0 && status.SpoolBytes > 0 && slices.Contains(kinds, walship.EventStoresDown), err
	}))
	must(t, b.write(5)) // the primary has not stopped
	waiting, err := b.walStatus()
	must(t, err)
	must(t, b.net.Heal())
	b.requireRepaired(t)
	told(t, bothGoneWAL, fmt.Sprintf("PostgreSQL wrote on (%d rows acknowledged meanwhile), %d objects waited in the spool, alarm %s; stored once the stores were back",
		len(b.Application.Acks())-acknowledged, waiting.SpoolObjects, walship.EventStoresDown), "wal status; the same segments in both stores, the spool empty")
}
