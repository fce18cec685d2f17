package evidence

// Kind says what an entry records.
type Kind string

// The kinds of entry. They are written to evidence, so a value is never renamed.
const (
	RunStarted  Kind = "run.started"
	RunFinished Kind = "run.finished"

	PhaseEntered  Kind = "phase.entered"
	PhaseLeft     Kind = "phase.left"
	PhaseExtended Kind = "phase.extended"

	StepStarted   Kind = "step.started"
	StepSucceeded Kind = "step.succeeded"
	StepFailed    Kind = "step.failed"
	StepRetried   Kind = "step.retried"
	StepSkipped   Kind = "step.skipped"
	StepAborted   Kind = "step.aborted"

	GateOpened    Kind = "gate.opened"
	GateApproved  Kind = "gate.approved" // one approval counted
	GateRejected  Kind = "gate.rejected"
	GateRefused   Kind = "gate.refused" // a message that did not count, and why
	GatePassed    Kind = "gate.passed"  // quorum reached
	GateExpired   Kind = "gate.expired"
	GateEscalated Kind = "gate.escalated"

	MessageAccepted Kind = "message.accepted"
	MessageRefused  Kind = "message.refused" // refusals beyond the cap, in aggregate

	UndoRegistered Kind = "undo.registered"
	UndoRan        Kind = "undo.ran"
	UndoFailed     Kind = "undo.failed"
	UndoDropped    Kind = "undo.dropped" // committed: no longer to be undone

	RunPaused  Kind = "run.paused"
	RunResumed Kind = "run.resumed"

	LeaseTaken    Kind = "lease.taken"
	LeaseLost     Kind = "lease.lost"
	LeaseReleased Kind = "lease.released"

	Breach        Kind = "breach"         // a budget ran out
	Finding       Kind = "finding"        // something is wrong, and the run goes on
	CheckMade     Kind = "check"          // a validation with its result
	ChoiceMade    Kind = "choice"         // what was put to the approvers
	InstantSet    Kind = "instant"        // a moment of the time model became known
	InstantEdited Kind = "instant.edited" // and was corrected later
	Notified      Kind = "notified"
	NotifyFailed  Kind = "notify.failed"
	Continued     Kind = "continued" // the workflow continued as new
	Note          Kind = "note"
)
