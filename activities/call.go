package activities

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/activities/routing"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/warrant/guard"
)

// Call carries out one activity by its registered name, with its input in JSON as
// an undo record holds it: compensation without Temporal, by a person who holds
// lease. Hosts ask for no signatures then, and obey the lease as they do a run's. An
// activity that this process does not offer is NotFound.
func (s *Set) Call(ctx context.Context, lease evidence.Lease, name string, input json.RawMessage) error {
	ctx = guard.ByHand(ctx, lease.Holder, lease.Token)
	method, err := s.method(name)
	if err != nil {
		return err
	}
	in := reflect.New(method.Type().In(1))
	if err := json.Unmarshal(input, in.Interface()); err != nil {
		return failure.Wrap(failure.Corrupt, err, "read the input of %s", name)
	}
	out := method.Call([]reflect.Value{reflect.ValueOf(ctx), in.Elem()})
	if failed, ok := out[len(out)-1].Interface().(error); ok {
		return boundary.In(failed)
	}
	return nil
}

// compensations are the activities that runbooks register as undo. Records lie in
// the stores unsigned: whoever can write there must not choose among all others.
func compensations() []string {
	return []string{
		postgres.Prefix + "LiftFence", postgres.Prefix + "RemoveWorkspace", postgres.Prefix + "SwapBack",
		postgres.Prefix + "RestoreReplica", routing.Prefix + "SendReaders",
	}
}

// method finds an activity that compensates. Others are not callable this way.
func (s *Set) method(name string) (reflect.Value, error) {
	if !slices.Contains(compensations(), name) {
		return reflect.Value{}, failure.New(failure.Refused, "%.120q is no compensation: the record was not made by a run", name).
			WithHint("see who wrote it: its versions in the stores")
	}
	owners := map[string]any{postgres.Prefix: s.Postgres, routing.Prefix: s.Routing}
	for prefix, owner := range owners {
		verb, found := strings.CutPrefix(name, prefix)
		if !found || reflect.ValueOf(owner).IsNil() {
			continue
		}
		method := reflect.ValueOf(owner).MethodByName(verb)
		if method.IsValid() && method.Type().NumIn() == 2 {
			return method, nil
		}
	}
	return reflect.Value{}, failure.New(failure.NotFound, "this process does not offer %s", name).
		WithHint("run starter undo on the host that the record's task queue names")
}
