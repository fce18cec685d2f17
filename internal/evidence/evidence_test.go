package evidence_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
)

var update = flag.Bool("update", false, "rewrite testdata")

var epoch = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// run is a short recovery as a runbook would record it.
func run() *evidence.Chain {
	c := evidence.New("database-corruption/orders/4f2a")
	at := func(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }
	c.Append(evidence.Entry{At: at(0), Kind: evidence.RunStarted, Title: "Recover orders", Actor: "ann"})
	c.Append(evidence.Entry{At: at(1), Kind: evidence.PhaseEntered, Phase: "Assessment", Title: "Assessment, budget 15m"})
	c.Append(evidence.Entry{At: at(2), Kind: evidence.StepStarted, Phase: "Assessment", Step: "fence", Title: "Stop application writes", Target: "db1 system 7310"})
	c.Append(evidence.Entry{At: at(4), Kind: evidence.UndoRegistered, Phase: "Assessment", Step: "fence", Title: "Resume application writes"})
	c.Append(evidence.Entry{
		At: at(5), Kind: evidence.StepSucceeded, Phase: "Assessment", Step: "fence", Title: "Stop application writes",
		Data: []evidence.Pair{{Key: "terminated", Value: "12"}, {Key: "last_lsn", Value: "0/5000060"}},
	})
	c.Append(evidence.Entry{At: at(6), Kind: evidence.GateOpened, Phase: "Assessment", Step: "restore", Title: "Approve the restore"})
	c.Append(evidence.Entry{At: at(60), Kind: evidence.GateRefused, Phase: "Assessment", Step: "restore", Title: "Approval does not count", Actor: "ann", Detail: "the requester may not approve\nrole commander is needed"})
	c.Append(evidence.Entry{At: at(3725), Kind: evidence.GatePassed, Phase: "Assessment", Step: "restore", Title: "Restore approved", Actor: "bob"})
	c.Append(evidence.Entry{At: at(3726), Kind: evidence.StepFailed, Phase: "Recovery", Step: "fetch", Title: "Fetch parts", Detail: "store eu answered \x1b[2J 503"})
	return c
}

func TestTranscript(t *testing.T) {
	t.Parallel()
	c := run()
	var out bytes.Buffer
	if err := evidence.WriteTranscript(&out, c.Held(), c.Head()); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/transcript.txt", out.Bytes())
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("run with -update if this is meant: %s", diff)
	}
}

// The encoding is a promise to auditors: this hash may never change.
func TestEncodingIsFixed(t *testing.T) {
	t.Parallel()
	const want = "2196c8feeea6aeaea3e6e534b863d576c94436e495e2dbf5a3a74df333c6110b"
	if got := run().Head(); got.Hash.String() != want || got.Count != 9 {
		t.Errorf("head is %d, %s", got.Count, got.Hash)
	}
}

func TestVerifyFindsEveryChange(t *testing.T) {
	t.Parallel()
	c := run()
	head := c.Head()
	if err := evidence.Verify(c.Held(), head); err != nil {
		t.Fatal(err)
	}
	changes := map[string]func([]evidence.Entry) []evidence.Entry{
		"edited":           func(e []evidence.Entry) []evidence.Entry { e[4].Data[0].Value = "13"; return e },
		"edited time":      func(e []evidence.Entry) []evidence.Entry { e[2].At = e[2].At.Add(1); return e },
		"first removed":    func(e []evidence.Entry) []evidence.Entry { return e[1:] },
		"middle removed":   func(e []evidence.Entry) []evidence.Entry { return slices.Delete(e, 3, 4) },
		"last removed":     func(e []evidence.Entry) []evidence.Entry { return e[:len(e)-1] },
		"all removed":      func([]evidence.Entry) []evidence.Entry { return nil },
		"reordered":        func(e []evidence.Entry) []evidence.Entry { e[3], e[4] = e[4], e[3]; return e },
		"repeated":         func(e []evidence.Entry) []evidence.Entry { return slices.Insert(e, 4, e[3]) },
		"moved between":    func(e []evidence.Entry) []evidence.Entry { e[0].Title, e[0].Actor = "Recover ordersa", "nn"; return e },
		"appended":         func(e []evidence.Entry) []evidence.Entry { return append(e, e[len(e)-1]) },
		"another's prefix": func([]evidence.Entry) []evidence.Entry { return evidenceOf("another/run") },
	}
	for name, change := range changes {
		entries := change(clone(t, c.Held()))
		err := evidence.Verify(entries, head)
		if !failure.Is(err, failure.Corrupt) || failure.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := head
	other.Chain = "another/run"
	if err := evidence.Verify(c.Held(), other); !failure.Is(err, failure.Corrupt) {
		t.Errorf("a head of another run: %v", err)
	}
}

func evidenceOf(id string) []evidence.Entry {
	c := evidence.New(id)
	for _, e := range run().Held() {
		c.Append(e)
	}
	return c.Held()
}

// clone goes through JSON, as payloads and stores do.
func clone(t *testing.T, entries []evidence.Entry) []evidence.Entry {
	t.Helper()
	text, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	var copied []evidence.Entry
	if err := json.Unmarshal(text, &copied); err != nil {
		t.Fatal(err)
	}
	return copied
}

func TestPagesAndResume(t *testing.T) {
	t.Parallel()
	whole := run()
	paged := evidence.New("database-corruption/orders/4f2a")
	var pages []evidence.Page
	for i, e := range whole.Held() {
		paged.Append(e)
		if i%3 == 2 {
			pages = append(pages, paged.Cut())
			paged = evidence.Resume(paged.Head()) // as after continue-as-new
		}
	}
	if paged.Head() != whole.Head() || pages[1].First() != 4 {
		t.Fatalf("paging changed the chain: %+v", paged.Head())
	}
	entries, err := evidence.Join(pages, whole.Head())
	if err != nil || len(entries) != 9 {
		t.Fatal(err)
	}
	for name, broken := range map[string][]evidence.Page{
		"first page missing": pages[1:], "last page missing": pages[:2], "middle page missing": {pages[0], pages[2]},
		"swapped": {pages[1], pages[0], pages[2]}, "twice": {pages[0], pages[0], pages[1], pages[2]},
	} {
		if err := evidence.VerifyPages(broken, whole.Head()); !failure.Is(err, failure.Corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever is appended is bounded, survives JSON and verifies.
func TestAnyEntrySurvivesJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		c := evidence.New(rapid.String().Draw(r, "id"))
		for range rapid.IntRange(1, 4).Draw(r, "entries") {
			bytes := string(rapid.SliceOf(rapid.Byte()).Draw(r, "bytes"))
			e := evidence.Entry{
				At: epoch.Add(time.Duration(rapid.Int64().Draw(r, "at") % 1e15)), Kind: evidence.Note, Title: bytes,
				Detail: strings.Repeat(bytes, rapid.IntRange(0, 900).Draw(r, "times")),
			}
			for range rapid.IntRange(0, 40).Draw(r, "pairs") {
				e.Data = append(e.Data, evidence.Pair{Key: bytes, Value: bytes})
			}
			if got := c.Append(e); len(got.Detail) > 8192 || len(got.Data) > 32 {
				r.Fatalf("not bounded: %d bytes, %d pairs", len(got.Detail), len(got.Data))
			}
		}
		if err := evidence.Verify(clone(t, c.Held()), c.Head()); err != nil {
			r.Fatal(err)
		}
	})
}
