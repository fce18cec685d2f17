package suite

import (
	"testing"

	"github.com/terragonlabs/holdfast/internal/store/storetest"
)

// Run makes every check a parallel subtest on the target that open returns. A
// promise that cannot be shown is logged and must be in absent, by the check's
// name; one that is in absent and is shown after all fails too, so that the list
// of what a test server cannot show stays true.
func Run(t *testing.T, open func(t *testing.T) storetest.Target, absent ...string) {
	t.Helper()
	expected := map[string]bool{}
	for _, name := range absent {
		expected[name] = true
	}
	target := open(t)
	for _, check := range storetest.Checks() {
		t.Run(check.Name, func(t *testing.T) {
			t.Parallel()
			result := check.Do(t.Context(), target)
			switch {
			case result.Verdict == storetest.Broken:
				t.Errorf("%s: %s", result.Promise, result.Detail)
			case result.Verdict == storetest.NotShown && !expected[check.Name]:
				t.Errorf("not shown, and not expected to be: %s", result.Detail)
			case result.Verdict == storetest.Shown && expected[check.Name]:
				t.Error("shown, but declared as impossible here: take it off the list")
			case result.Verdict == storetest.NotShown:
				t.Logf("not shown here: %s", result.Detail)
			}
		})
	}
}
