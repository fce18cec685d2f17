package evidence_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/storetest/memory"
)

// FuzzLeaseRecords: whoever can write to a store puts what they like into the folder of
// a lease. Reading it ends in records in order and bounded times, or in a store that is
// not readable; a token that is granted afterwards is higher than all of them.
func FuzzLeaseRecords(f *testing.F) {
	f.Add("0000000000000001/acquire.json", []byte(`{"holder":"ann","ttl_ns":60000000000}`), "0000000000000001/release.json", []byte(`{"holder":"ann"}`))
	f.Add("0000000000000002/acquire.json", []byte(`{"holder":"ann","ttl_ns":9223372036854775807}`), "0000000000000002/renew-00000001.json", []byte(`{"holder":"bob"}`))
	f.Add("ffffffffffffffff/acquire.json", []byte(`{"holder":"ann"}`), "0000000000000000/acquire.json", []byte(`{}`))
	f.Add("000000000000000a/other", []byte(`null`), "x/y/z", []byte(`[`))
	f.Fuzz(func(t *testing.T, name string, body []byte, other string, otherBody []byte) {
		now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		s := memory.New("one", func() time.Time { return now })
		for key, content := range map[string][]byte{"v1/leases/db/" + name: body, "v1/leases/db/" + other: otherBody} {
			opts := store.PutOptions{SizeBytes: int64(len(content)), SHA256: store.DigestOf(content)}
			if _, err := s.Put(t.Context(), key, bytes.NewReader(content), opts); err != nil {
				return // no store has such a name
			}
		}
		views := stored.Survey(t.Context(), []store.Store{s}, "db")
		var before uint64
		for _, r := range views[0].Records {
			require.Greater(t, r.Token, before, "tokens ascend from 1")
			require.False(t, r.Expires.After(now.Add(stored.MaxTTL)), "nobody holds a lease until %s", r.Expires)
			before = r.Token
		}
		_ = recovery.Ballot{Views: stored.Leases(t.Context(), []store.Store{s}, "db")}.Vouch("ann", 1) // must not panic
		now = now.Add(stored.MaxTTL + time.Hour)
		a := &stored.Activities{Stores: []store.Store{s}}
		lease, err := acquire(t.Context(), a, "bob", time.Minute)
		if err != nil {
			require.Contains(t, []failure.Class{failure.Unavailable, failure.Corrupt, failure.Refused}, classOf(err), "%v", err)
			return
		}
		require.Greater(t, lease.Token, before)
	})
}
