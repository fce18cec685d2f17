package pgtest

import (
	"testing"

	"github.com/terragonlabs/holdfast/internal/pg"
)

// Major returns the major version that test servers run.
func Major(t testing.TB) pg.Major {
	t.Helper()
	major, err := pg.ProgramsMajor(t.Context(), BinDir(t))
	if err != nil {
		t.Fatal(err)
	}
	return major
}
