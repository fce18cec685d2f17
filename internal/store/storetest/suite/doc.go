// Package suite runs the conformance checks of package storetest as tests, and
// holds what only tests of stores need: benchmarks, a hundred thousand files to
// list, and a line that loses answers. It links package testing, which programs
// that run the checks themselves do not.
package suite
