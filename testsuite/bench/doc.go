// Command bench measures holdfast against what people use today, as whole
// processes on one machine: pgBackRest, the plan's own pipeline of tar, gzip and
// gpg, cp as restore_command, and no archiving at all.
//
//	bench [-only REGEXP] [-size 2GB] [-runs 3] [-profile DIR] [-load 30s] [-rpo 5m]
//
// # How it measures
//
//   - The same data for everybody: testsuite/stack/dataset with a fixed seed, half
//     of it poorly compressible. Nothing is tuned to it.
//   - Contenders take turns (ours, peer, ours, peer), so that noise hits both. A
//     row is the median of at least three.
//   - Before each turn the page cache is dropped, where this runs as root; else
//     results say "warm".
//   - Processor time of the servers that work for both (PostgreSQL, the S3 and GCS
//     emulators) is listed apart from the programs' own.
//   - Less is better in every ratio, and at most the target passes: ours over peer,
//     for a rate the peer's over ours, and without a peer ours over the limit.
//
// A missed target is printed with how much is missing and is no error. A
// measurement that fails is: its row holds the reason, the others go on, and the
// exit status is 1.
//
// A run of all rows writes results.json here and the table in docs/benchmarks.md.
// With -only it prints and writes neither, since rows of different runs do not compare.
//
// The programs are built from this tree as `make build` does, with one rule of
// the plan's judge loosened: a plan whose stores are all at one provider, or a
// single one, is refused by the product and wanted by two rows. With -profile they also write
// processor profiles for `go tool pprof`.
package main
