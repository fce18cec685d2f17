package fence_test

import (
	"testing"

	"github.com/terragonlabs/holdfast/internal/pg/fence"
)

// TestWithoutKnowsTheFence as it was written, and as ALTER SYSTEM writes it anew; what
// the service has set for itself stays.
func TestWithoutKnowsTheFence(t *testing.T) {
	t.Parallel()
	const own = "work_mem = '4MB'\nmax_logical_replication_workers = '0'\nhba_file = '/etc/pg/hba.conf'\n"
	for name, lines := range map[string]string{
		"none":         "",
		"as written":   "hba_file = '/d/holdfast_fence_hba.conf' # holdfast fence\nmax_logical_replication_workers = 0 # holdfast fence\n",
		"written anew": "hba_file = '/d/holdfast_fence_hba.conf'\nmax_logical_replication_workers = '0'\n",
		"of old":       "hba_file = '/d/holdfast_fence_hba.conf' # holdfast fence\n",
		"twice":        "hba_file = '/d/holdfast_fence_hba.conf'\nmax_logical_replication_workers = '0'\nhba_file = '/d/holdfast_fence_hba.conf' # holdfast fence\nmax_logical_replication_workers = 0 # holdfast fence\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, settings := range []string{own + lines, lines + own, own + lines + "work_mem = '5MB'\n"} {
				want := map[string]string{own + lines: own, lines + own: own}[settings]
				if want == "" {
					want = own + "work_mem = '5MB'\n"
				}
				if got := fence.Without(settings); got != want {
					t.Errorf("Without(%q) = %q, want %q", settings, got, want)
				}
			}
		})
	}
}
