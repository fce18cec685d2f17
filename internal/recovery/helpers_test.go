package recovery_test

import (
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// expect checks class, message and that people are told what to do next.
func expect(t *testing.T, err error, class failure.Class, message string) {
	t.Helper()
	if !failure.Is(err, class) || !strings.Contains(err.Error(), message) {
		t.Fatalf("got %v (%s), want %s with %q", err, failure.ClassOf(err), class, message)
	}
	if class != failure.InvalidInput && failure.HintOf(err) == "" {
		t.Errorf("%v has no hint", err)
	}
}
