// Package onset reads the write-ahead log through pg_waldump and says which
// transaction did the damage, and what was done after a recovery target.
//
// Read streams a range and never holds more than bounded state: open
// transactions, the suspects, and a histogram of how much normal transactions
// change. Judge then decides purely. Count adds up the committed row changes
// after a position, for the report of what was lost.
//
// # Where the log ends
//
// pg_waldump stops with the same words at the end of a log and at a record that is
// damaged. So that part of a log does not pass for all of it, what lies behind the
// position at which reading stopped is looked at: Ended is complete only where nothing
// of this timeline was written there, and not before Range.Reaches, which the server
// itself knew of. What a recycled segment still holds of earlier use is told by the
// addresses in the headers of its pages.
//
// # Limits, said rather than hidden
//
// Rows are counted from heap records; a table of another access method is not
// seen. A transaction that began before the range is counted from the range's
// begin on. DROP is known by deletions from pg_class, whose file number is
// assumed to be the one initdb gave (VACUUM FULL pg_class changes it; then a
// drop is reported as "files removed").
//
// Of a server that was killed while several sessions wrote, the last page may hold
// records that were never finished or acknowledged; so may pages behind a gap that a
// machine left which lost its power. That looks like damage, and is reported as such.
// So is a log whose end lies in a page that a standby had received in part.
package onset
