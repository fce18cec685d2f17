package e2e_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/store"
)

// takeSegmentAway ends three segments and removes the second of them, with its
// tail, from every store: the WAL behind it leads nowhere.
func (h *house) takeSegmentAway(t *testing.T) {
	t.Helper()
	conn, err := h.Connect(h.ctx)
	h.must(t, err)
	defer conn.Close(h.ctx) //nolint:errcheck // read only
	var ended [3]string
	for i := range ended {
		h.must(t, h.WriteOn(h.ctx, 3))
		h.must(t, conn.QueryRow(h.ctx, "SELECT pg_walfile_name(pg_switch_wal())").Scan(&ended[i]))
	}
	h.await(t, ended[2]+" to be archived", func() (bool, error) {
		var archived string
		err := conn.QueryRow(h.ctx, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver").Scan(&archived)
		return archived >= ended[2], err
	})
	stores, closeAll, err := binding.Stores(h.ctx, h.Plan)
	h.must(t, err)
	defer closeAll() //nolint:errcheck // nothing is under way
	for _, from := range stores {
		// A store that repairs reach later than the other may get it yet.
		h.await(t, ended[1]+" in store "+from.Name(), func() (bool, error) { return h.remove(t, from, ended[1]) > 0, nil })
	}
}

// remove deletes every version of every object of a segment and returns how many
// whole segments were among them.
func (h *house) remove(t *testing.T, from store.Store, segment string) int {
	t.Helper()
	var found []store.Object
	whole := 0
	for object, err := range from.List(h.ctx, "v1/"+h.Database().Name+"/wal/", store.ListOptions{Versions: from.Capabilities().Versions}) {
		h.must(t, err)
		if strings.Contains(object.Key, segment) {
			found = append(found, object)
		}
		if strings.Contains(object.Key, "/"+segment+"-") && !strings.Contains(object.Key, "/tail/") {
			whole++
		}
	}
	for _, object := range found {
		h.must(t, from.Delete(h.ctx, object.Key, object.Version))
	}
	return whole
}

func replaceIn(t *testing.T, file, old, replacement string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(text, []byte(old)) {
		t.Fatalf("%s does not hold %s: %v", file, old, err)
	}
	if err := os.WriteFile(file, bytes.ReplaceAll(text, []byte(old), []byte(replacement)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// requireClass requires a failed run's error to keep its class and hint.
func requireClass(t *testing.T, err error, class failure.Class) {
	t.Helper()
	classed := boundary.In(err)
	if !failure.Is(classed, class) || failure.HintOf(classed) == "" {
		t.Errorf("got %v (class %s, hint %q), want %s with a hint", err, failure.ClassOf(classed), failure.HintOf(classed), class)
	}
}
