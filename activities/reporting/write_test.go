package reporting_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	record "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/reporting"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/report"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
)

// shelf is two real stores in directories.
type shelf struct {
	stores []store.Store
	dirs   []string
	closes []func() error
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{}
	for _, name := range []string{"one", "two"} {
		dir := t.TempDir()
		opened, err := file.Open(file.Config{Name: name, Dir: dir})
		require.NoError(t, err)
		t.Cleanup(func() { _ = opened.Close() }) // some tests close it before
		s.stores, s.dirs, s.closes = append(s.stores, opened), append(s.dirs, dir), append(s.closes, opened.Close)
	}
	return s
}

func run() record.Run { return record.Run{WorkflowID: "recover/desk", FirstRunID: "run-1"} }

// written puts a short timeline into the stores and returns what Write is given.
func (s *shelf) written(t *testing.T) reporting.WriteInput {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	chain := evidence.New("recover/desk/run-1")
	entry := func(kind evidence.Kind, title, actor string, data ...evidence.Pair) {
		at = at.Add(time.Minute)
		chain.Append(evidence.Entry{Kind: kind, Title: title, Actor: actor, At: at, Data: data})
	}
	entry(evidence.GateOpened, "Declare the incident", "")
	entry(evidence.MessageAccepted, "Declare the incident", "ann", evidence.Pair{Key: "kind", Value: "declare"})
	entry(evidence.GatePassed, "Incident declared", "ann")
	entry(evidence.GateOpened, "Step failed: Replay", "")
	entry(evidence.MessageAccepted, "Step failed: Replay", "cas", evidence.Pair{Key: "kind", Value: "resolve"}, evidence.Pair{Key: "verdict", Value: "retry"})
	entry(evidence.GateOpened, "Cut over", "", evidence.Pair{Key: "quorum", Value: "2"})
	entry(evidence.GateApproved, "Cut over", "bob", evidence.Pair{Key: "kind", Value: "approve"})
	entry(evidence.GateRejected, "Cut over", "cas", evidence.Pair{Key: "kind", Value: "reject"})
	page := chain.Cut()
	_, err := (&record.Activities{Stores: s.stores}).PutPage(t.Context(), record.PageIn{Run: run(), Page: page})
	require.NoError(t, err)
	return reporting.WriteInput{
		Run: run(), Head: page.Head, Roles: map[string]string{"ann": "Harbour Master", "cas": "Engineer"},
		Draft: report.Input{GeneratedAt: at, Plan: report.Plan{Title: "Drill report"}, Incident: report.Incident{ID: "INC-1"}},
	}
}

func read(t *testing.T, s store.Store, key string) []byte {
	t.Helper()
	body, _, err := s.Get(t.Context(), key, store.GetOptions{})
	require.NoError(t, err)
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	require.NoError(t, body.Close())
	return text
}

func TestWriteTwiceIsTheSame(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	in, activities := s.written(t), reporting.New(s.stores, "v1")
	first, err := activities.Write(t.Context(), in)
	require.NoError(t, err)
	require.Empty(t, first.Problems)
	require.Equal(t, []string{"one", "two"}, first.Stores)
	again, err := activities.Write(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, first, again)
	for _, key := range []string{first.Markdown, first.HTML, first.JSON} {
		require.Equal(t, first.Digests[key], store.DigestOf(read(t, s.stores[0], key)))
		require.Equal(t, read(t, s.stores[0], key), read(t, s.stores[1], key))
	}
	text := string(read(t, s.stores[0], first.Markdown))
	for _, want := range []string{
		"| Declare the incident | passed, 1 needed |", "ann (Harbour Master) declare",
		"| Step failed: Replay | retry, 1 needed |", "| Cut over | rejected, 2 needed |", "cas (Engineer) reject",
	} {
		require.Contains(t, text, want)
	}
}

func TestOneStoreDown(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	in := s.written(t)
	require.NoError(t, s.closes[1]())
	written, err := reporting.New(s.stores, "v1").Write(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, []string{"one"}, written.Stores)
	require.Len(t, written.Problems, 3)
	require.Contains(t, written.Problems[0], "store two did not take")
}

func TestNoStore(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	in := s.written(t)
	for _, closeStore := range s.closes {
		require.NoError(t, closeStore())
	}
	_, err := reporting.New(s.stores, "v1").Write(t.Context(), in)
	require.Error(t, err, "a report nobody can read was not written")
}

// TestAlteredTimeline: one altered copy is stepped over; where all are altered
// the report says that its evidence is gone.
func TestAlteredTimeline(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	in := s.written(t)
	alter(t, s.dirs[0])
	written, err := reporting.New(s.stores, "v1").Write(t.Context(), in)
	require.NoError(t, err)
	require.Empty(t, written.Problems, "the other store has it unaltered")

	s = newShelf(t)
	in = s.written(t)
	alter(t, s.dirs[0])
	alter(t, s.dirs[1])
	written, err = reporting.New(s.stores, "v1").Write(t.Context(), in)
	require.NoError(t, err)
	require.NotEmpty(t, written.Problems)
	text := string(read(t, s.stores[0], written.Markdown))
	require.Contains(t, text, "The timeline could not be read back whole")
	require.NotContains(t, text, "Harbour Master", "nothing of an altered timeline is shown")
}

// alter changes who is said to have approved, in every page of the timeline that
// says so.
func alter(t *testing.T, dir string) {
	t.Helper()
	changed := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !strings.Contains(path, "/timeline/") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(text, []byte(`"bob"`)) {
			return err
		}
		changed++
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		return os.WriteFile(path, bytes.ReplaceAll(text, []byte(`"bob"`), []byte(`"eve"`)), 0o600)
	}))
	require.Positive(t, changed)
}
