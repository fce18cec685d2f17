// Package onset reads the write-ahead log through pg_waldump and says which
// transaction did the damage, and what was done after a recovery target.
//
// Read streams a range and never holds more than bounded state: open
// transactions, the suspects, and a histogram of how much normal transactions
// change. Judge then decides purely. Count adds up the committed row changes
// after a position, for the report of what was lost.
//
// # Limits, said rather than hidden
//
// Rows are counted from heap records; a table of another access method is not
// seen. A transaction that began before the range is counted from the range's
// begin on. DROP is known by deletions from pg_class, whose file number is
// assumed to be the one initdb gave (VACUUM FULL pg_class changes it; then a
// drop is reported as "files removed").
package onset
