// Package evidence is the timeline of a run: ordered, hash-chained, and so
// readable by an auditor who trusts nobody. It is pure: the caller passes the
// time and keeps the entries, so it works inside a workflow and replays alike.
//
// # What the chain proves
//
// Each entry's hash covers its content and the hash before it; the first hash
// covers the chain's ID. Whoever has a head (count and hash) kept where it
// cannot be changed can prove that no entry up to it was edited, removed,
// inserted, reordered or taken from another run. The chain alone does not prove
// who wrote it, nor that nothing followed the head: heads belong in a locked
// object, and signatures are the caller's.
//
// # Canonical encoding, version 1
//
// hash = SHA-256 of these fields, each written as its length in bytes (8 bytes,
// big-endian) followed by its bytes:
//
//	"holdfast.evidence.v1", prev (32 bytes), seq (decimal),
//	at (RFC 3339 with nanoseconds, UTC), kind, phase, step, title, actor,
//	detail, target, number of data pairs (decimal), then key and value of each.
//
// The hash before the first entry is SHA-256 over "holdfast.evidence.v1" and the
// chain's ID, written the same way.
package evidence
