package chaos_test

// Faults that have a test of their own, by what they strike.
const (
	shortSegment   = "archive_command is given a segment that is cut short"
	foreignSegment = "archive_command is given another cluster's segment"
	slowReplay     = "much WAL to replay"

	serverDies    = "PostgreSQL: stopped at once while a backup is made"
	serverKilled  = "PostgreSQL: the postmaster killed while a backup is made"
	filesChange   = "PostgreSQL: files vanish, grow and shrink while they are read, in a storm of checkpoints"
	backupKilled  = "the backup killed in the middle of a part"
	daemonPartial = "the WAL daemon killed in the middle of a segment"

	flippedPart  = "one store holds a part with a flipped byte"
	missingPart  = "one store lacks a part"
	shortPart    = "one store holds a part that is cut short"
	olderPart    = "one store holds an older part in a part's place"
	forgedSet    = "one store holds a forged descriptor"
	lyingInARun  = "one store holds only damaged parts and WAL, in a recovery"
	everyCopyBad = "both stores hold damaged copies of a part"

	oneStoreGone   = "one store gone for good, while a backup is made"
	oneStoreDown   = "one store down, from before a recovery until after it"
	bothGoneWAL    = "both stores gone, while the application writes"
	bothGoneRun    = "both stores gone, while a recovery fetches"
	spoolFull      = "the spool full, with both stores gone"
	spoolDiskFull  = "the disk under the spool full"
	targetDiskFull = "the disk full in the middle of a restore"

	failedOver  = "PostgreSQL: the primary dies, and its replica is promoted in its place"
	streamCut   = "the replica's stream cut, while the primary writes"
	partialTail = "a failover leaves the last segment of its timeline unfinished"
	abandoned   = "a target on the timeline that a failover has left behind"

	terminated = "Temporal: the run terminated just after the cut-over"
	flooding   = "a flood of signals"

	// Clocks are stepped where the machine can (linux on amd64).
	clockAhead  = "the database host's clock stepped an hour ahead"
	clockBehind = "the database host's clock stepped an hour behind"
)

// single are the faults that have a test of their own.
func single() []string {
	return []string{
		oneStoreGone, oneStoreDown, bothGoneWAL, bothGoneRun, spoolFull, spoolDiskFull, targetDiskFull,
		flippedPart, missingPart, shortPart, olderPart, forgedSet, lyingInARun, everyCopyBad,
		serverDies, serverKilled, filesChange, backupKilled, daemonPartial,
		terminated, flooding, clockAhead, clockBehind, campaigns,
		shortSegment, foreignSegment, slowReplay,
		failedOver, streamCut, partialTail, abandoned,
	}
}
