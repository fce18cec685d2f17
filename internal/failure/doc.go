// Package failure names the classes of error holdfast knows, so that what went
// wrong survives every boundary: from an adapter to an activity, from an
// activity to a workflow, from a workflow to the person at the terminal.
//
// An error has a class (what kind of thing happened, and so what a caller may
// do about it), a message (what happened to which thing), and a hint (what to
// run next). Sentinel values do not survive serialization; classes do.
//
//	return failure.New(failure.WALGap, "segment %s is in no store", name).
//		WithHint("starter backup verify --database %s", db)
//
// The package imports nothing but the standard library. Package boundary, next
// to it, carries classes across Temporal's activity boundary and back.
package failure
