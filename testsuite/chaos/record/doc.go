// Package record keeps what each fault did, as the tests of chaos saw it: rows in
// a file, and the table of docs/faults.md that is made of them.
package record
