// Package schema writes the plan's JSON Schema and its reference from the types
// of package plan and their comments, so that editors, documentation and code
// cannot disagree. Both files are checked in; a test fails where they are not
// current, and HOLDFAST_UPDATE=1 go test ./internal/plan/schema rewrites them.
//
// It needs the source code, so it runs in tests, never in a binary.
package schema
