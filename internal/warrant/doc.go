// Package warrant is what a run shows a host before it does anything destructive
// there: the messages by which people declared the incident and approved the gate,
// as they signed them, and the token of the run's lease. The host judges them
// again, against its own copy of the plan, so that whoever can order work of a host
// (Temporal's server, or anybody who may write to its namespace) cannot have it
// fence, swap, rebuild or undo what nobody signed for.
//
// Verify is pure. Package guard, below, adds what a host must remember on its disk.
//
// # What is checked
//
//   - The declaration: signed by a key the plan lists for its person, who holds a
//     role that may declare; for this workflow and run, plan and target. One that
//     was signed before the run existed names the occasion instead (service and
//     database), and is valid for an hour at most.
//   - The gate's approvals: signed so; as many different people as the gate's quorum,
//     each holding a role of the gate and the right to approve; none of them who
//     declared or asked for the run; all over one choice, one timeline head and one
//     nonce, and the nonce is that of this gate in this run.
//   - The commit, where a host is to write down that a cut-over is kept: signed by one
//     person who may commit, as the answer to that question in this run; or by nobody,
//     where the plan commits at its deadline.
//   - The holder: the lease that is shown is the run's own. Whether it really is, package
//     guard asks the stores.
//   - The target: the identity that was signed is the one about to be touched.
//   - The time: see Verdict.
package warrant
