// Package approval is the form of every message by which a person changes the
// course of a run: what it says, how it is signed, and how a signature is
// checked. It is pure: the caller passes the time, so a workflow may call it.
//
// # What is signed
//
// A Message travels as Signed: the payload (a JSON text) and an SSH signature
// over exactly those bytes. Nothing is re-encoded on the way, so what a person
// saw and signed is what is judged, and both sides can be checked by hand:
//
//	ssh-keygen -Y sign -f ~/.ssh/id_ed25519 -n holdfast@v1 message.json
//	ssh-keygen -Y verify -f allowed_signers -I jane -n holdfast@v1 \
//	    -s message.json.sig < message.json
//
// # Canonical encoding
//
// Encode writes the fields in the order of the struct, without spaces between
// them, empty optional fields left out, times in UTC to the second, one line
// feed at the end. A payload that decodes to a Message but is not byte for byte
// what Encode would write is refused: one message has one text.
//
// # What a signature proves, and what it does not
//
// Verify proves that a key the plan lists for the named person signed these
// bytes for holdfast, and that the message is within its validity. Whether that
// person may say this, here and now, is the run's decision (package runbook).
package approval
