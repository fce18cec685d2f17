// Package replay records workflow histories and replays them: the release gate
// for every change to workflow code. A history that was recorded from a landed
// commit must replay without an error on every later one, for runs of that
// commit may still be in flight.
//
// Histories lie in each workflow package under testdata/replay, as JSON that
// `temporal workflow show -o json` would write too. They are recorded with
//
//	TMPDIR=/srv/holdfast go test ./testsuite/e2e -run TestBadMigration -args -record
package replay
