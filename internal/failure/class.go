package failure

// Class says what kind of failure happened. The string is written to workflow
// histories and exit-code tables, so a value is never renamed.
type Class string

const (
	// InvalidInput: the caller asked for something that can never work. The
	// message names the field and what would be right.
	InvalidInput Class = "InvalidInput"
	// NotFound: the named thing does not exist.
	NotFound Class = "NotFound"
	// Exists: the thing is already there with other content; nothing was overwritten.
	Exists Class = "Exists"
	// Refused: the request is well formed, but a rule forbids it (wrong role,
	// requester approves, replayed or expired approval, run already active).
	Refused Class = "Refused"
	// Forbidden: the outside system denied access.
	Forbidden Class = "Forbidden"
	// Unavailable: the outside system did not answer, or answered that it cannot
	// now. Retrying may help.
	Unavailable Class = "Unavailable"
	// Corrupt: bytes are not what their checksum, signature or format says.
	Corrupt Class = "Corrupt"
	// WALGap: a segment that recovery needs is in no store.
	WALGap Class = "WALGap"
	// TargetUnreachable: no backup set and WAL lead to the recovery target.
	TargetUnreachable Class = "TargetUnreachable"
	// TargetMissed: recovery ended, but not where it was asked to.
	TargetMissed Class = "TargetMissed"
	// IdentityMismatch: the thing found is not the thing named (system
	// identifier, timeline, incarnation, host, plan hash).
	IdentityMismatch Class = "IdentityMismatch"
	// InsufficientSpace: the target file system cannot hold what would be written.
	InsufficientSpace Class = "InsufficientSpace"
	// CheckFailed: a validation ran and its result is bad.
	CheckFailed Class = "CheckFailed"
	// Unsafe: going on could destroy data (server still running, no copy kept).
	Unsafe Class = "Unsafe"
	// Internal: holdfast itself is wrong.
	Internal Class = "Internal"
	// Unknown: the class of the error could not be determined. Never fine.
	Unknown Class = "Unknown"
)

// Retryable says whether the same call may succeed later without anybody
// changing anything. Unknown errors are retried: a bounded retry costs little
// and a lost run costs much.
func (c Class) Retryable() bool {
	switch c {
	case Unavailable, Unknown:
		return true
	case InvalidInput, NotFound, Exists, Refused, Forbidden, Corrupt, WALGap,
		TargetUnreachable, TargetMissed, IdentityMismatch, InsufficientSpace,
		CheckFailed, Unsafe, Internal:
		return false
	}
	return true
}

// ExitCode is the process exit status for a failure of this class. 0 and 1 are
// never used: 1 is what a crashed or misused program returns.
func (c Class) ExitCode() int {
	codes := map[Class]int{
		InvalidInput: 2, NotFound: 3, Exists: 4, Refused: 5, Forbidden: 6,
		Unavailable: 7, Corrupt: 8, WALGap: 9, TargetUnreachable: 10,
		TargetMissed: 11, IdentityMismatch: 12, InsufficientSpace: 13,
		CheckFailed: 14, Unsafe: 15, Internal: 70, Unknown: 71,
	}
	if code, ok := codes[c]; ok {
		return code
	}
	return codes[Unknown]
}
