package activities

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/activities/routing"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
)

// Call carries out one activity by its registered name, with its input in JSON as
// an undo record holds it: compensation without Temporal. An activity that this
// process does not offer is NotFound.
func (s *Set) Call(ctx context.Context, name string, input json.RawMessage) error {
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
