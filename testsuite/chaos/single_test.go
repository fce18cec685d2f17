//go:build chaos

package chaos_test

// Faults of clocks, which are stepped where the machine can (linux on amd64).
const (
	clockAhead  = "the database host's clock stepped an hour ahead"
	clockBehind = "the database host's clock stepped an hour behind"
)

// single are the faults that have a test of their own.
func single() []string {
	return []string{
		oneStoreGone, bothGoneWAL, bothGoneRun, spoolFull, spoolDiskFull, targetDiskFull,
		flippedPart, missingPart, shortPart, olderPart, forgedSet, lyingInARun, everyCopyBad,
		serverDies, serverKilled, filesChange, backupKilled, daemonPartial,
		terminated, flooding, clockAhead, clockBehind, campaigns,
		shortSegment, foreignSegment, slowReplay,
	}
}
