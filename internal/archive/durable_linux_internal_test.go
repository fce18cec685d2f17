package archive

import "testing"

func TestKernelReleases(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]bool{
		"5.8.0": true, "5.10.0-28-amd64": true, "6.1.0": true, "5.7.19": false, "4.18.0-553.el8": false,
		"10.0": true, "5": false, "": false, "unknown": false,
	} {
		if got := atLeast(release, 5, 8); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}
