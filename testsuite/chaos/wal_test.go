package chaos_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// switchWAL ends the segment that is written to.
func (b *bed) switchWAL() error { return b.Primary.Exec(b.ctx, "postgres", "SELECT pg_switch_wal()") }

// walStatus is what `wal status` prints.
func (b *bed) walStatus() (status walship.Status, err error) {
	out, err := b.Command(b.ctx, "wal", "--config", b.WALSettings(b.Primary.Host), "status").Output()
	if err != nil {
		return status, fmt.Errorf("wal status: %w", err)
	}
	return status, json.Unmarshal(out, &status)
}

// alarms are the kinds of alarm that stand.
func (b *bed) alarms() (kinds []walship.EventKind, err error) {
	status, err := b.walStatus()
	for _, alarm := range status.Alarms {
		kinds = append(kinds, alarm.Kind)
	}
	return kinds, err
}

// shipped says that stores hold everything the server has flushed by now.
func (b *bed) shipped() (bool, error) {
	conn, err := b.Connect(b.ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close(b.ctx) //nolint:errcheck // read only
	status, err := b.walStatus()
	if err != nil {
		return false, err
	}
	var held bool
	err = conn.QueryRow(b.ctx, "SELECT pg_current_wal_flush_lsn() <= $1::pg_lsn", status.TailShipped.String()).Scan(&held)
	return held || status.TailShipped > 0 && status.TailLagBytes == 0, err
}

// requireRepaired waits until the spool is empty and requires that every store
// holds the same archived segments.
func (b *bed) requireRepaired(t *testing.T) {
	t.Helper()
	must(t, b.switchWAL())
	must(t, b.await("the spool to be empty and no alarm to stand", func() (bool, error) {
		status, err := b.walStatus()
		standing := slices.DeleteFunc(status.Alarms, func(e walship.Event) bool {
			return e.Kind == walship.EventSlotUnbound || e.Kind == walship.EventHeadroom
		})
		if status.SpoolObjects != 0 || len(standing) > 0 {
			return false, fmt.Errorf("%d objects wait, alarms: %+v", status.SpoolObjects, standing)
		}
		return true, err
	}))
	must(t, b.await("both stores to hold the same WAL", func() (bool, error) {
		stores, closeAll, err := binding.Stores(b.ctx, b.Plan)
		if err != nil {
			return false, err
		}
		defer closeAll() //nolint:errcheck // only read
		var held [2][]string
		for i := range held {
			if held[i], err = b.segments(stores[i]); err != nil {
				return false, err
			}
		}
		if len(held[0]) == 0 || !slices.Equal(held[0], held[1]) {
			return false, fmt.Errorf("%d segments in %s, %d in %s", len(held[0]), stores[0].Name(), len(held[1]), stores[1].Name())
		}
		return true, nil
	}))
}

// segments lists the archived files that a store holds, without tail pieces.
func (b *bed) segments(from store.Store) (keys []string, err error) {
	for object, err := range from.List(b.ctx, "v1/"+b.Stack.Database().Name+"/wal/", store.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		if !strings.Contains(object.Key, "/tail/") {
			keys = append(keys, object.Key)
		}
	}
	slices.Sort(keys)
	return keys, nil
}
