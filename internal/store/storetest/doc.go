// Package storetest is the conformance suite of the store contract. Every
// implementation passes it on a real server, and starter plan check --live runs
// the same checks on a user's own buckets before they are trusted.
//
// A check ends in one of three verdicts: shown (the promise held), broken, or
// not shown here, with the reason: the store lacks the capability, or nobody
// can play the attacker. A promise that was not shown is reported, never
// counted as kept.
//
// Every check writes below its own fresh prefix and removes what it wrote, all
// versions of it, also when it fails. The lock check waits until its lock has
// run out, a few seconds later.
package storetest
