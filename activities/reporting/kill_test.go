package reporting_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/activities/reporting"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
)

// childEnv holds the task of a process that is to be killed.
const childEnv = "HOLDFAST_REPORTING_TEST_CHILD"

// child writes a report, and hangs where its second store is to take Stall.
type child struct {
	Dirs  []string
	In    reporting.WriteInput
	Stall string // how the key ends
}

func TestMain(m *testing.M) {
	task := os.Getenv(childEnv)
	if task == "" {
		m.Run()
		return
	}
	var c child
	if err := json.Unmarshal([]byte(task), &c); err != nil {
		panic(err)
	}
	c.run()
}

func (c child) run() {
	var stores []store.Store
	for i, dir := range c.Dirs {
		opened, err := file.Open(file.Config{Name: []string{"one", "two"}[i], Dir: dir})
		if err != nil {
			panic(err)
		}
		stores = append(stores, opened)
	}
	stores[1] = stalling{stores[1], c.Stall}
	_, err := reporting.New(stores, "v1").Write(context.Background(), c.In)
	panic(err) // it was to be killed before
}

// stalling is a store that does not answer when it is to take one object.
type stalling struct {
	store.Store
	at string
}

func (s stalling) Put(ctx context.Context, key string, body io.ReaderAt, options store.PutOptions) (store.Object, error) {
	if strings.HasSuffix(key, s.at) {
		select {}
	}
	return s.Store.Put(ctx, key, body, options)
}

// TestKilledBetweenTwoStores: whatever the first attempt has stored when it is
// killed, the second one ends with the same report, also when it is a newer program
// that cannot read the timeline any more.
func TestKilledBetweenTwoStores(t *testing.T) {
	t.Parallel()
	for _, object := range []string{"report.json", "report.md", "report.html"} {
		t.Run(object, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			in := s.written(t)
			s.killAt(t, in, object)
			for _, dir := range s.dirs {
				alter(t, dir)
			}
			written, err := reporting.New(s.stores, "v2").Write(t.Context(), in)
			require.NoError(t, err)
			require.Empty(t, written.Problems, "the timeline was read while it was whole")
			require.Equal(t, []string{"one", "two"}, written.Stores)
			require.Len(t, written.Digests, 3)
			for key, digest := range written.Digests {
				require.Equal(t, digest, store.DigestOf(read(t, s.stores[0], key)))
				require.Equal(t, digest, store.DigestOf(read(t, s.stores[1], key)))
			}
			text := string(read(t, s.stores[1], written.Markdown))
			require.Contains(t, text, "cas (Engineer) reject")
			require.Contains(t, text, "| holdfast | v1 |")
		})
	}
}

// killAt kills a process with SIGKILL that has stored object in the first store
// and waits for the second to take it.
func (s *shelf) killAt(t *testing.T, in reporting.WriteInput, object string) {
	t.Helper()
	task, err := json.Marshal(child{Dirs: s.dirs, In: in, Stall: object})
	require.NoError(t, err)
	doomed := exec.CommandContext(t.Context(), os.Args[0])
	doomed.Env = append(os.Environ(), childEnv+"="+string(task))
	require.NoError(t, doomed.Start())
	defer doomed.Wait() //nolint:errcheck // it is killed
	require.Eventually(t, func() bool {
		_, err := s.stores[0].Stat(t.Context(), in.Run.Folder()+"report/"+object, "")
		return err == nil
	}, 20*time.Second, 5*time.Millisecond)
	require.NoError(t, doomed.Process.Kill())
}

// TestForeignReportIsRefused: a report under the run's name that the run did not
// make is neither replaced nor taken for its own.
func TestForeignReportIsRefused(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	in := s.written(t)
	first, err := reporting.New(s.stores, "v1").Write(t.Context(), in)
	require.NoError(t, err)
	before := read(t, s.stores[0], first.JSON)
	in.Draft.Objective = "another"
	_, err = reporting.New(s.stores, "v1").Write(t.Context(), in)
	err = boundary.In(err)
	require.True(t, failure.Is(err, failure.Exists), "%v", err)
	require.NotEmpty(t, failure.HintOf(err))
	require.Equal(t, before, read(t, s.stores[0], first.JSON))
}
