// Package memory is a store for tests that need time to go as they say: it keeps the
// contract of package store, by the same conformance suite as the others, and its clock
// is the caller's. Nothing that ships imports it.
package memory
