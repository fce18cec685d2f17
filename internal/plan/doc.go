// Package plan is the disaster-recovery plan as typed values: read from one
// YAML file, judged, and handed to everything else.
//
//	p, findings, err := plan.Load("deploy/plans/ai-scientist.yaml")
//
// # Promises
//
//  1. Strict. A key the plan does not know, a value that cannot be, a name that
//     leads nowhere is an error with file, line, column and what would be right.
//     All of them are reported at once, not one a run.
//  2. Bounded. A file over MaxBytes, deeper than MaxDepth, or using anchors,
//     aliases, tags or a second document is refused before it is decoded.
//  3. Secrets are references (SecretRef). A secret in plain text is an error,
//     so a plan may be printed, stored and mailed.
//  4. Where two objectives disagree the stricter wins, and a warning says so.
//  5. Nothing here touches the network, the clock or a disk beyond the one file.
//
// A plan's version is the SHA-256 of the file's bytes, as sha256sum prints it.
// Names in a plan (services, hosts, stores, roles, people) are its own; no code
// may know any of them.
package plan
