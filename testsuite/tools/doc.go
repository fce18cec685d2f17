// Command tools installs what is missing of the programs that the demo, the
// tests and the checks run, and nothing else.
//
//	tools -dir DIR [-for run|check|bench|all]
//
// bench is run and the programs the benchmark measures against.
//
// Programs written in Go (versions.txt) are built into DIR, unless an adequate
// one is already there or in PATH: a user's own is used as it is. Debian's
// packages are installed by apt-get when this runs as root, with services kept
// from starting and PostgreSQL kept from creating a system cluster; otherwise
// the one missing apt-get line is printed and the command fails.
//
// Running it twice does nothing the second time. Two at once wait for each
// other. Stopped half way, the next run goes on with what is still missing.
package main
