package storetest

// Checks returns the whole suite.
func Checks() []Check {
	return []Check{
		{"put-get-stat", "what was put is read back, with its digest, size and time", putGetStat},
		{"never-overwritten", "Put never replaces an object, not even by an identical one", neverOverwritten},
		{"one-writer-wins", "of many writers of one key exactly one succeeds, and its bytes stay", oneWriterWins},
		{"wrong-digest", "a body that is not what its digest says is refused and leaves nothing", wrongDigest},
		{"other-body", "a body that is not the one announced is found by its CRC32C alone, too", otherBody},
		{"bad-input", "bad keys, sizes and ranges are refused before anything is sent", badInput},
		{"empty-object", "an object of no bytes is kept", emptyObject},
		{"big-object", "an object sent in pieces is kept whole, and refused when a piece is wrong", bigObject},
		{"ranged-reads", "ranges are read in parallel and are exact", rangedReads},
		{"missing", "what is not there is NotFound; deleting it succeeds", missing},
		{"listing-order", "listing is in byte order of keys, also of odd ones", listingOrder},
		{"listing-after", "listing can go on after a key and keeps to its prefix", listingAfter},
		{"deleted", "Delete removes an object for good", deleted},
		{"damaged", "a damaged object ends in Corrupt", damaged},
		{"cancelled", "a cancelled call ends without having put anything", cancelled},
		{"version-pinned", "a version is read back after a newer one was forged over it", versionPinned},
		{"version-hidden", "a version is read back and listed after its key was deleted", versionHidden},
		{"locked", "a locked version cannot be deleted, and its lock never gets shorter", locked},
	}
}
