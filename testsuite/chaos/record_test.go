package chaos_test

import (
	"os"
	"slices"
	"testing"

	"github.com/terragonlabs/holdfast/testsuite/chaos/record"
)

// rowsVariable names the file that takes what each fault did; empty: none.
const rowsVariable = "HOLDFAST_CHAOS_ROWS"

const document = "../../docs/faults.md"

// told writes a row of docs/faults.md, unless the test has failed.
func told(t *testing.T, fault, happened, evidence string) {
	t.Helper()
	if !slices.Contains(names(), fault) {
		t.Fatalf("%q is not on the list of faults", fault)
	}
	if t.Failed() {
		return
	}
	t.Logf("%s | %s | %s", fault, happened, evidence)
	if file := os.Getenv(rowsVariable); file != "" {
		must(t, record.Append(file, record.Row{Fault: fault, Happened: happened, Evidence: evidence, Test: t.Name()}))
	}
}

// names lists every fault of the document.
func names() (all []string) {
	for _, one := range faults() {
		all = append(all, one.name)
	}
	return append(all, single()...)
}

// TestTheDocumentNamesEveryFault: and no other.
func TestTheDocumentNamesEveryFault(t *testing.T) {
	text, err := os.ReadFile(document)
	must(t, err)
	in, err := record.Faults(string(text))
	must(t, err)
	for _, name := range names() {
		if !slices.Contains(in, name) {
			t.Errorf("%s does not tell of %q: make chaos", document, name)
		}
	}
	for _, name := range in {
		if !slices.Contains(names(), name) {
			t.Errorf("%s tells of %q, which no test plays", document, name)
		}
	}
}
