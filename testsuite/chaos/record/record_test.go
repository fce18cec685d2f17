package record_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/testsuite/chaos/record"
)

func TestRowsBecomeTheTableAndNothingElse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rows")
	for _, row := range []record.Row{
		{Fault: "disk: full", Happened: "it waits,\nand says a | b", Evidence: "exit 3", Test: "TestOne"},
		{Fault: "disk: full", Happened: "again", Evidence: "", Test: "TestTwo/sub"},
		{Fault: "disk: full", Happened: "twice", Evidence: "", Test: "TestTwo/sub"},
		{Fault: "clock: stepped", Happened: "nothing", Evidence: "0 rows lost", Test: "TestThree"},
	} {
		if err := record.Append(file, row); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := record.Read(file)
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	text, err := record.Document("# Faults\nprose\n<!-- faults: begin -->\nold\n<!-- faults: end -->\nmore\n", rows)
	if err != nil || !strings.HasPrefix(text, "# Faults\nprose\n") || !strings.HasSuffix(text, "\nmore\n") || strings.Contains(text, "old") {
		t.Fatalf("%v:\n%s", err, text)
	}
	if !strings.Contains(text, "| disk: full | it waits, and says a \\| b<br>again | exit 3<br> | `TestOne`<br>`TestTwo` |\n") {
		t.Errorf("the line of a fault:\n%s", text)
	}
	named, err := record.Faults(text)
	if err != nil || !slices.Equal(named, []string{"disk: full", "clock: stepped"}) {
		t.Errorf("faults %q, %v in\n%s", named, err, text)
	}
	if again, err := record.Document(text, rows); err != nil || again != text {
		t.Errorf("written twice it differs: %v\n%s", err, again)
	}
	if _, err := record.Document("no markers", rows); err == nil {
		t.Error("a document without markers was written")
	}
}
