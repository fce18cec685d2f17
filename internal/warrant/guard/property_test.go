package guard_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/warrant"
	"github.com/terragonlabs/holdfast/internal/warrant/guard"
)

// TestMemoryNeverGoesBack: in whatever order requests of several holders arrive, late,
// twice or after a restart of the worker, a host acts only under the newest token it
// ever acted under, and only for the holder it first acted for under it. What it refused
// it does not remember. Services are apart.
func TestMemoryNeverGoesBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	type newest struct {
		token  uint64
		holder string
	}
	rapid.Check(t, func(r *rapid.T) {
		host := guard.Guard{Plan: b.guard.Plan, Dir: t.TempDir()}
		known := map[string]newest{}
		for range rapid.IntRange(1, 20).Draw(r, "requests") {
			if rapid.Bool().Draw(r, "restarted") {
				host = guard.Guard{Plan: host.Plan, Dir: host.Dir}
			}
			service := rapid.SampledFrom([]string{"house", "a/b"}).Draw(r, "service")
			asked := newest{rapid.Uint64Range(0, 6).Draw(r, "token"), rapid.SampledFrom([]string{"ann", "bob"}).Draw(r, "holder")}
			release, err := host.Admit(guard.ByHand(t.Context(), asked.holder, asked.token), nil, warrant.Need{Run: "recover/house/run-1", Service: service})
			last := known[service]
			stale := asked.token < last.token || asked.token == last.token && asked.token != 0 && asked.holder != last.holder
			if stale {
				if failure.ClassOf(err) != failure.Unsafe || failure.HintOf(err) == "" {
					r.Fatalf("token %d of %s after %d of %s: %v", asked.token, asked.holder, last.token, last.holder, err)
				}
				continue
			}
			if err != nil {
				r.Fatalf("token %d of %s after %d of %s is refused: %v", asked.token, asked.holder, last.token, last.holder, err)
			}
			release()
			if asked.token > last.token {
				known[service] = asked
			}
		}
	})
	require.NoError(t, b.admit(nil), "another host's memory is its own")
}
