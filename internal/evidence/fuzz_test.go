package evidence_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/terragonlabs/holdfast/internal/evidence"
)

// maxEntryBytes is an entry's JSON when everything in it is as long as it may be and
// every byte is written as six.
const maxEntryBytes = 6 * 96 << 10

// FuzzPage: a page read from a store verifies only as it was recorded. What verifies
// survives its format, and no word of it can be changed.
func FuzzPage(f *testing.F) {
	whole, err := json.Marshal(run().Cut())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(bytes.Replace(whole, []byte("Recover orders"), []byte("Recover others"), 1))
	f.Add([]byte(`{"start":{"chain":"c","count":18446744073709551615},"entries":[{"seq":0}],"head":{"chain":"c"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var page evidence.Page
		if json.Unmarshal(text, &page) != nil || evidence.VerifyPage(page) != nil {
			return
		}
		again, err := json.Marshal(page)
		if err != nil {
			t.Fatal(err)
		}
		var read evidence.Page
		if err := json.Unmarshal(again, &read); err != nil || evidence.VerifyPage(read) != nil || read.Head != page.Head {
			t.Fatalf("does not survive its format: %v", err)
		}
		if uint64(len(page.Entries)) != page.Head.Count-page.Start.Count {
			t.Fatalf("%d entries verify as entries %d to %d", len(page.Entries), page.First(), page.Head.Count)
		}
		for i := range read.Entries {
			read.Entries[i].Title += "."
			if evidence.VerifyPage(read) == nil {
				t.Fatalf("entry %d may be altered", i)
			}
			read.Entries[i].Title = strings.TrimSuffix(read.Entries[i].Title, ".")
		}
	})
}

// FuzzAppend: whatever a run is told of, what it records is bounded, survives JSON, and
// cannot move the reader's terminal.
func FuzzAppend(f *testing.F) {
	f.Add("step.failed", "fetch", "Fetch parts", "ann", "store eu answered \x1b[2J 503", "db1", "key", "value", 1, int64(5))
	f.Add("\xff", "", "\u202e", "", strings.Repeat("é", 9000), "", "", "", 40, int64(-1))
	f.Fuzz(func(t *testing.T, kind, step, title, actor, detail, target, key, value string, pairs int, at int64) {
		e := evidence.Entry{Kind: evidence.Kind(kind), Step: step, Title: title, Actor: actor, Detail: detail, Target: target, At: time.Unix(at%(1<<34), 0)}
		for range min(max(pairs, 0), 100) {
			e.Data = append(e.Data, evidence.Pair{Key: key, Value: value})
		}
		c := evidence.New(title)
		c.Append(e)
		text, err := json.Marshal(c.Cut())
		if err != nil || len(text) > maxEntryBytes {
			t.Fatalf("%d bytes, %v", len(text), err)
		}
		var page evidence.Page
		if err := json.Unmarshal(text, &page); err != nil {
			t.Fatal(err)
		}
		if err := evidence.VerifyPage(page); err != nil || page.Head != c.Head() {
			t.Fatalf("does not survive JSON: %v", err)
		}
		var out strings.Builder
		if err := evidence.WriteTranscript(&out, page.Entries, page.Head); err != nil {
			t.Fatal(err)
		}
		if at := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); at >= 0 {
			t.Fatalf("the transcript has %q", out.String()[at:min(at+8, out.Len())])
		}
	})
}
