// Package walship carries a database's write-ahead log to the stores and back:
// push (archive_command), fetch (restore_command), the tail over streaming
// replication, and the heartbeat rows that prove how far a recovery reached. It
// works while everything else of holdfast is down.
//
// # Objects
//
//	v1/<source>/wal/<system>/<timeline>/<file>-<hash>.zst.pgp              what PostgreSQL archived
//	v1/<source>/wal/<system>/<timeline>/<file>.history-<hash>.clear        which timeline left which, and where
//	v1/<source>/wal/<system>/<timeline>/tail/<segment>-<from>-<to>-<hash>.zst.pgp
//	v1/<source>/heartbeat/<system>/<incarnation>/<first>-<last>.json
//
// <hash> is the first 32 digits of the plaintext's SHA-256, so the same file has
// the same key whoever pushes it, however often; another content under the same
// file name is another key beside it, which push refuses and Inventory reports.
// A tail piece holds only what was flushed since the piece before: shipping
// costs what was written, not a segment every two seconds. While segments fill up,
// and are archived whole, within the tail's interval, it does not even stream.
//
// # Twice, half, late, on the wrong host
//
// Push twice is success; push of other content is failure.Exists. A push that
// died half-way left nothing, a spool entry, or an object that the next push
// finds; what waits is brought to the other stores as it was sealed. A process that
// dies between two stores, or loses its spool, leaves two sealings of the same bytes
// once they are pushed again, as may a tail piece that is tried again: readers take
// either. WAL of another cluster is refused by its page header, and by the system
// identifier in the key. Tail pieces may overlap after a crash; recovery opens all
// that lie in what it uses, and two that differ in a byte stop it, named with their
// stores.
//
// # From where the tail streams
//
// A session begins at the first position that the stores which archive.require asks
// for do not hold, in whole segments or in pieces from a segment's start: what the
// session before shipped is remembered, otherwise the stores are asked. So the slot
// passes nothing that they lack. Where a timeline begins inside a segment, the new
// timeline's copy is streamed from its start, whoever saw the promotion. What neither
// stores nor server have is an alarm, tail-gap, and status counts from before it: stores
// are asked about it now and then, and no streaming waits for what they say. A segment
// that was acknowledged from the spool alone is held by no store.
//
// # What a store cannot do
//
// Objects are not signed, so who can write to one store can put anything there. Nothing
// of one store is brought to another that is not, by its digest, what this host sealed:
// what differs is the alarm conflict, and the store that lacks it is still owed it. An
// object of a size that nothing of its name can have is none, for listings, proofs and
// fetches alike; no read takes more than the kind of object may have. A tail piece that
// one store has and every other has not, and in which nothing shows that it was sealed
// to be that piece, is named in the log of repairs and done without. One that is
// damaged, or that two stores list, is missed where no other reaches as far: what was
// there and is gone is never the end of WAL. The same holds for what lies under the name
// of a whole segment, while its pieces are fetched. A run is given what was proved by
// listing alone: there a forged whole segment stops the key holder, who names it.
package walship
