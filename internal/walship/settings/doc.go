// Package settings reads the file that tells a database host how its WAL is
// archived, fetched and tailed. The small wal binary reads it too, before it
// may do anything, so the package links next to nothing.
//
// The file is YAML (and so may be JSON), strict: an unknown key is an error
// with line and caret. Secrets are references (env:NAME, file:/path) and are
// resolved by whoever opens the store or the database, never here.
package settings
